"""`specc show`: an experiment as one text, with all that it uses put in, and where its values come from.

resolved  the experiment's items with templates, extensions and other files put in
text      these items as a recipe
origin    every resolved value with the line that set it, and why
"""
