"""A study as a page, and its figures and tables as files.

    connection, study, run -> gather.gathered -> model.Report -> page.as_page -> one HTML file
                                                              -> figures.figures -> SVG, PNG
                                                              -> tables, LaTeX

`gathered` only reads; what follows is pure: equal reports give equal bytes, since times come from the
data and no clock is read. Names come from recipes of strangers, and are text everywhere.
"""
