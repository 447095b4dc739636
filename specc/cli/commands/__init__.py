"""The commands, by what they are about; each imports what it needs when it is called."""

from specc.cli.commands import help, history, recipes, results, runs

__all__ = ["help", "history", "recipes", "results", "runs"]
