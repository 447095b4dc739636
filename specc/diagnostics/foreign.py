"""Words of Python, YAML and other trainers, and what is written here in their place."""

from __future__ import annotations

_NOTHING = "there is no null: leave the setting out for its default"
_LOOP = "there are no loops: `sweep` is the only repetition"
_CHOICE = "there are no conditions: an axis takes several values, a `recipe` replaces parts"
_TEMPLATE = "there are no functions: a `model`, `corpus`, `recipe` or `experiment` may have parameters"

VALUES = {
    **dict.fromkeys(("True", "yes", "on", "Yes", "On", "TRUE"), "write `true`"),
    **dict.fromkeys(("False", "no", "off", "No", "Off", "FALSE"), "write `false`"),
    **dict.fromkeys(("None", "null", "nil", "Null", "NULL", "undefined"), _NOTHING),
    **dict.fromkeys(("nan", "NaN", "inf", "infinity"), "numbers are finite"),
}
"""Where a value is expected: word -> help."""

ITEMS = {
    **dict.fromkeys(("import", "include", "from", "require"), 'write `use "models.spec" { NAME }`'),
    **dict.fromkeys(("for", "while", "foreach", "repeat"), _LOOP),
    **dict.fromkeys(("if", "else", "elif", "when", "switch", "match"), _CHOICE),
    **dict.fromkeys(("def", "function", "fn", "macro", "lambda"), _TEMPLATE),
    **dict.fromkeys(("var", "const", "set", "val"), "a name for a value is declared with `let`"),
    **dict.fromkeys(("assert", "require", "ensure"), "what must hold is written with `check`"),
    **dict.fromkeys(
        ("dataset", "data", "source"), 'data is declared with `corpus`: `corpus web = text("data/*.txt")`'
    ),
    **dict.fromkeys(("seed",), "write `seeds 0..2`, or `seeds [1]` for one"),
    **dict.fromkeys(("evaluate", "evaluation", "metric"), "a measurement is declared with `eval`"),
    **dict.fromkeys(("axis", "grid", "param", "parameter"), "an axis is declared with `sweep NAME in [...]`"),
}
"""Where an item is expected: word -> help."""

SETTINGS = {
    **dict.fromkeys(
        (
            "lr",
            "learning_rate",
            "peak",
            "peak_lr",
            "max_lr",
            "warmup",
            "warmup_steps",
            "warmup_ratio",
            "floor",
            "min_lr",
        ),
        "the learning rate belongs to the schedule: `schedule = cosine(peak = 1e-3, warmup = 2%)`",
    ),
    **dict.fromkeys(("scheduler", "lr_scheduler", "lr_scheduler_type"), "write `schedule`"),
    **dict.fromkeys(("optim", "optimiser"), "write `optimizer`"),
    **dict.fromkeys(
        (
            "weight_decay",
            "betas",
            "beta1",
            "beta2",
            "eps",
            "momentum",
            "adam_beta1",
            "adam_beta2",
            "adam_epsilon",
        ),
        "this belongs to the optimizer: `optimizer = adamw(weight_decay = 0.1)`",
    ),
    **dict.fromkeys(
        ("batch_size", "global_batch_size", "train_batch_size", "per_device_train_batch_size"),
        "write `batch`",
    ),
    **dict.fromkeys(
        ("gradient_accumulation_steps", "accumulation", "micro_batch", "micro_batch_size"),
        "how a batch is cut to fit in memory is no part of a recipe; `batch` is the whole of it",
    ),
    **dict.fromkeys(
        ("seq_len", "seq_length", "sequence_length", "max_length", "max_seq_length", "context"),
        "write `sequence`",
    ),
    **dict.fromkeys(("grad_clip", "clip_grad", "max_grad_norm", "gradient_clipping"), "write `clip`"),
    **dict.fromkeys(
        ("precision", "bf16", "fp16", "mixed_precision", "torch_dtype"),
        'write `dtype = "bfloat16"`, or leave it out',
    ),
    **dict.fromkeys(
        ("model", "init", "parent", "checkpoint"), "name it in the head: `stage pretrain from MODEL { ... }`"
    ),
    **dict.fromkeys(
        ("steps", "tokens", "epochs", "max_steps", "num_train_epochs", "data", "dataset", "train_data"),
        "how much a stage trains is written in `allocate`, or as `budget = 8M tokens`",
    ),
    **dict.fromkeys(("seed", "random_seed"), "write `seeds 0..2` in the experiment"),
    **dict.fromkeys(
        ("device", "workers", "num_workers", "devices"),
        "where a recipe runs is no part of it: see `specc run --help`",
    ),
    **dict.fromkeys(
        ("early_stopping", "patience", "early_stopping_patience"),
        "write `until = early_stop(EVAL, every = 5%, patience = 3)`",
    ),
}
"""Where a setting of a stage is expected: word -> help."""

SIGNS = {
    "'": 'write strings in double quotes: "..."',
    ";": "a statement ends with its line",
    "$": "a name is written as it is: `peak = rate`",
    "&": "conditions are written one a line, each with a `check` of its own",
    "|": "conditions are written one a line, each with a `check` of its own",
    "!": "write `!=` to compare",
    "?": _CHOICE,
    "^": "powers of ten are written with an exponent: 3e-4",
    "\\": "a statement goes on in the next line after an operator or comma, and inside `( )` and `[ ]`",
}
"""Signs of other languages -> help."""

UNITS = dict.fromkeys(("percent", "pct", "per"), "a percentage is written with `%`, such as `5%`")
"""Where a unit is expected: word -> help."""

LIKE = {
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\uff02", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u00d7\u2217\u22c5", "*"),
    **dict.fromkeys("\u00f7\u2044\u2215", "/"),
    **dict.fromkeys("\uff0c\u3001", ","),
    "\u2026": "..",
    "\uff05": "%",
    "\uff1a": ":",
    "\uff1d": "=",
    "\uff08": "(",
    "\uff09": ")",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2260": "!=",
}
"""Signs that word processors and other keyboards write -> the sign of the language."""

JOINS = {
    **dict.fromkeys(
        ("and", "or", "not"), "conditions are written one a line, each with a `check` of its own"
    ),
    **dict.fromkeys(("then", "else"), _CHOICE),
}
"""Words that join conditions in other languages -> help."""

LOOPS = frozenset({"for", "if", "while"})
"""Words that in Python may follow a value."""
