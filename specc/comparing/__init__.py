"""Recipes compared: groups of arms, paired over the seeds that they share.

* `model` is the answer as data.
"""
