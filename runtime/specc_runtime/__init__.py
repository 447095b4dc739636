"""What the steps of a compiled recipe do: data, models, training, evaluation.

The runtime receives typed step descriptions (`specc.steps`) and knows nothing of the language.
`specc_runtime.run.run_step` does one step. Torch and transformers are imported by the modules that
use them, not here.
"""
