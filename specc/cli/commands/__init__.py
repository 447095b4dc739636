"""The commands, by what they are about; each imports what it needs when it is called."""

from specc.cli.commands import compare, fit, help, history, recipes, report, results, runs, ui

__all__ = ["compare", "fit", "help", "history", "recipes", "report", "results", "runs", "ui"]
