"""The commands, by what they are about; each imports what it needs when it is called."""

from specc.cli.commands import fit, help, history, recipes, results, runs, ui

__all__ = ["fit", "help", "history", "recipes", "results", "runs", "ui"]
