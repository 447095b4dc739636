"""What a user is told about a recipe, as values; see `diagnostic`, `codes`, `render` and `published`."""

from specc.diagnostics.diagnostic import Diagnostic, Label, Report, Severity
from specc.diagnostics.fixes import Edit
from specc.diagnostics.published import as_json
from specc.diagnostics.render import render
from specc.diagnostics.source import Source, Span, UsedSpan, uses_of
from specc.diagnostics.suggest import nearest, parameter_meant

__all__ = [
    "Diagnostic",
    "Edit",
    "Label",
    "Report",
    "Severity",
    "Source",
    "Span",
    "UsedSpan",
    "as_json",
    "nearest",
    "parameter_meant",
    "render",
    "uses_of",
]
