"""Pages on what queries have beside SQL: templates in recipes, and curves to fit."""

from __future__ import annotations

from specc.quantities.fits.forms import FORMS
from specc.quantities.templates.context import NAMES
from specc.quantities.templates.functions import FUNCTIONS, REF

TEMPLATES = (
    "Templates in the SQL of `compare`, rendered when the recipe is checked: a small part of Jinja. "
    "Functions give pieces of SQL, names are those of the experiment (of a share its number: 0.5 for "
    "50%), loops go over lists; there are no conditions, filters or attributes, and what comes of a "
    "template is limited. Text without `{{` and `{%` stays as it is; `{% raw %} ... {% endraw %}` keeps "
    "braces, `{# ... #}` is a comment, `-` inside a brace takes the white space beside it away. A comma "
    "may stand behind the last column in DuckDB, so that a loop can end each with one. `specc show` "
    "prints what a template gives."
)

TEMPLATES_EXAMPLE = """\
eval web_loss = loss(web.held_out) after pretrain
recipe gentle { override stage pretrain { schedule = constant(peak = 3e-4) } }
compare effect = ```sql
  select recipe, {{ mean_ci('difference', name = 'effect') }}
  from   {{ paired('web_loss', recipe = 'base') }} group by recipe
```
compare by_seed = ```sql
  select recipe, {% for s in seeds %} avg(value) filter (seed = {{ s }}) as seed_{{ s }}, {% endfor %}
  from   results group by recipe
```"""

FITS = (
    "`specc fit FORM QUERY` fits a curve to the rows of a query, whose columns have the form's names and "
    "`y`; so does `Workspace.fit` in Python. Relative residuals are made least, from several starts, the "
    "same every time. With a column `seed` of three seeds or more, the 95% intervals are a jackknife over "
    "seeds, which holds where the points of a seed share noise; else they are profiles, for points that "
    "are independent. `--hold-out CONDITION` or `--first K` predicts rows instead of fitting them, and "
    "says how many lie in the interval for such points. What the data can't tell is said: a parameter at "
    "the end of its range, an interval without an end, parameters that trade off."
)


def templates() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Forms of the template functions, and facts on them and on the names there are."""
    found = (*FUNCTIONS.values(), REF)
    forms = (*(each.signature for each in found), "{% for NAME in LIST %} ... {% endfor %}")
    facts = [(each.signature.partition("(")[0], each.doc) for each in found]
    return forms, (*facts, *NAMES.items())


def fits() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Formulas of the curves, and facts on each."""
    forms = tuple(f"{form.name}: {form.formula}" for form in FORMS.values())
    return forms, tuple((form.name, f"{form.title}; {form.source}") for form in FORMS.values())
