"""What differs between two recipes, or two states of one: the answer of `specc diff`.

    two compilations -> match.matched -> Pairs -> causes.causes_of, changes.changes_of
                     -> confounds.confounds_of -> difference.compare -> Difference -> show.as_text

Steps are paired by what they are in their experiments, not by name: a step whose own parameters are
the same but whose inputs differ leads to the step further up where the difference begins.
"""
