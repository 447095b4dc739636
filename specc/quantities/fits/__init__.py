"""Curves of the field, fitted to results.

    rows -> data.read -> estimate.fit -> model.Fitted -> text.as_text

`form` says what a curve is, `forms` has those there are, `intervals` how sure its parameters are.
numpy and scipy are imported inside functions: listing the forms needs neither.
"""
