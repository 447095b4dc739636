"""Templates in the queries of a recipe: `{{ ... }}` and `{% for ... %}`, a small part of Jinja.

    text -> parse.parse -> tree -> render.render -> SQL, and where each part of it comes from

It is a language of its own, with Jinja's spelling and Jinja's results: names that an experiment gives,
calls of the functions in `functions`, loops over lists that are there, nothing else. There is nothing to
reach a file, an attribute or an object of Python with, and nothing that could run for long. A text
without `{{` and `{%` is left alone.
"""
