"""The commands, by what they are about; each imports what it needs when it is called."""

from specc.cli.commands import compare, exchange, fit, help, history, recipes, report, results, runs, ui

__all__ = ["compare", "exchange", "fit", "help", "history", "recipes", "report", "results", "runs", "ui"]
