"""The reference of the language, made from the tables that the compiler itself checks with."""
