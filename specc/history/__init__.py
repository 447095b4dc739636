"""What was run when, and what was made of it: every run of a workspace is kept.

* `recipe` keeps the text of a run's recipe beside its plan.
* `notes` keeps what people write about a run: notes and tags.
* `runs` lists runs and finds one by number or tag; `changes` says what a run changed; `show` writes it out.
"""
