"""The components that come with specc.

Values in recipes reach components as JSON: shares as "n/d" strings, tokens and steps as integers.
"""

from __future__ import annotations

from specc.components.signature import Kind, Parameter, Signature, Type

P = Parameter

MODELS = (
    Signature(
        "llama",
        Kind.MODEL,
        "A Llama-style decoder: RMSNorm, rotary positions, SwiGLU, no biases; initialised from the seed.",
        (
            P("layers", Type.INT, "number of decoder layers", low=1),
            P("width", Type.INT, "size of the residual stream", low=2),
            P("heads", Type.INT, "attention heads; divides `width` into even head sizes", low=1),
            P("context", Type.TOKENS, "longest sequence, in tokens", low=2),
            P("kv_heads", Type.INT, "key-value heads; 0 means as many as `heads`", 0, low=0),
            P("mlp", Type.INT, "inner size of the MLP; 0 means 8/3 of `width`, rounded up to 8", 0, low=0),
            P("rope_base", Type.FLOAT, "base of the rotary frequencies", 10000.0, above=0),
            P("tied", Type.BOOL, "whether input and output embeddings share weights", True),
            P("norm_eps", Type.FLOAT, "epsilon of RMSNorm", 1e-5, above=0),
            P("init_std", Type.FLOAT, "standard deviation of the initial weights", 0.02, above=0),
        ),
        source="Touvron et al. 2023, arXiv 2302.13971",
    ),
    Signature(
        "checkpoint",
        Kind.MODEL,
        "A local checkpoint in the hub's format: a folder with config.json and *.safetensors.",
        (P("path", Type.PATH, "the folder", identity=False),),
        positional=1,
    ),
)

OPTIMIZERS = (
    Signature(
        "adamw",
        Kind.OPTIMIZER,
        "Adam with decoupled weight decay on matrices (vectors and norms are not decayed).",
        (
            P("beta1", Type.FLOAT, "decay of the gradient's mean", 0.9, low=0, high=1),
            P("beta2", Type.FLOAT, "decay of the gradient's square", 0.95, low=0, high=1),
            P("eps", Type.FLOAT, "added to the denominator", 1e-8, above=0),
            P("weight_decay", Type.FLOAT, "decoupled weight decay, times the learning rate", 0.1, low=0),
        ),
        source="Loshchilov and Hutter 2019, arXiv 1711.05101",
    ),
    Signature(
        "sgd",
        Kind.OPTIMIZER,
        "Stochastic gradient descent with momentum.",
        (
            P("momentum", Type.FLOAT, "decay of the velocity", 0.0, low=0, high=1),
            P("weight_decay", Type.FLOAT, "weight decay, added to the gradient", 0.0, low=0),
        ),
    ),
)

_PEAK = P("peak", Type.FLOAT, "highest learning rate", above=0)
_WARMUP = P("warmup", Type.LENGTH, "linear rise from 0; steps, tokens or a share of the horizon", "0/1")
_FLOOR = P("floor", Type.RATE, "learning rate at the end; a rate, or a percentage of the peak", "0/1")
_HORIZON = P(
    "horizon",
    Type.LENGTH,
    "length the curve is laid out over, where the stage stops earlier or later; default: the stage",
    "1/1",
)

SCHEDULES = (
    Signature("constant", Kind.SCHEDULE, "Warm-up, then the peak.", (_PEAK, _WARMUP, _HORIZON)),
    Signature(
        "linear",
        Kind.SCHEDULE,
        "Warm-up, then a straight line to the floor.",
        (_PEAK, _WARMUP, _FLOOR, _HORIZON),
    ),
    Signature(
        "cosine",
        Kind.SCHEDULE,
        "Warm-up, then half a cosine to the floor.",
        (_PEAK, _WARMUP, _FLOOR, _HORIZON),
        source="Loshchilov and Hutter 2017, arXiv 1608.03983",
    ),
    Signature(
        "wsd",
        Kind.SCHEDULE,
        "Warm-up, stable, decay: the peak is held, then a straight line to the floor.",
        (
            _PEAK,
            _WARMUP,
            P("decay", Type.LENGTH, "length of the last phase", "1/5"),
            _FLOOR,
            _HORIZON,
        ),
        source="Hu et al. 2024, arXiv 2404.06395",
    ),
)

_FILES = P("files", Type.PATHS, "path or glob; `stdlib:` and `package:` name installed files", identity=False)
_EXCLUDE = P(
    "exclude", Type.STRINGS, "globs, from the root of `files`, that are left out", (), identity=False
)
_CORPUS = (
    P("held_out", Type.SHARE, "share of the documents, by hash, kept for evaluation", "0/1"),
    P("tokenizer", Type.PATH, "a `tokenizers` JSON file; default: bytes", "", identity=False),
    P(
        "max_epochs",
        Type.FLOAT,
        "most passes over the corpus that an arm may ask for",
        4.0,
        above=0,
        identity=False,
    ),
)
"""Parameters of every corpus.

Four epochs of repetition cost little: Muennighoff et al. 2023, arXiv 2305.16264.
"""

CORPORA = (
    Signature(
        "text",
        Kind.CORPUS,
        "Text files in UTF-8; a file is a document.",
        (
            _FILES,
            _EXCLUDE,
            P("min_bytes", Type.INT, "shorter documents are left out, in bytes", 1, low=1),
            P("max_bytes", Type.INT, "longer documents are left out, in bytes; 0 for no limit", 0, low=0),
            *_CORPUS,
        ),
        positional=1,
    ),
    Signature(
        "docstrings",
        Kind.CORPUS,
        "Triple-quoted strings that stand as statements in Python source; each is a document.",
        (
            _FILES,
            _EXCLUDE,
            P("min_bytes", Type.INT, "shorter documents are left out, in bytes", 80, low=1),
            *_CORPUS,
        ),
        positional=1,
    ),
    Signature(
        "jsonl",
        Kind.CORPUS,
        "A JSON object a line: text, or prompt and completion (loss on the completion only).",
        (
            _FILES,
            _EXCLUDE,
            P("text", Type.STRING, "field that holds the text", ""),
            P("prompt", Type.STRING, "field that holds the prompt", ""),
            P("completion", Type.STRING, "field that holds the completion", ""),
            P("options", Type.STRING, "field that holds the list of options, for `choice`", ""),
            *_CORPUS,
        ),
        positional=1,
    ),
    Signature(
        "parquet",
        Kind.CORPUS,
        "A Parquet row a document: text, or prompt and completion.",
        (
            _FILES,
            _EXCLUDE,
            P("text", Type.STRING, "column that holds the text", ""),
            P("prompt", Type.STRING, "column that holds the prompt", ""),
            P("completion", Type.STRING, "column that holds the completion", ""),
            P("options", Type.STRING, "column that holds the list of options, for `choice`", ""),
            *_CORPUS,
        ),
        positional=1,
    ),
    Signature(
        "facts",
        Kind.CORPUS,
        "Key-value facts to be memorised: a prompt of `key_length` symbols, a completion of one.",
        (
            P("count", Type.INT, "number of facts", low=1),
            P(
                "draw",
                Type.INT,
                "which facts, from 0; corpora of one `universe` with different draws share no key",
                0,
                low=0,
            ),
            P(
                "draws",
                Type.INT,
                "draws that share the keys; the same in all corpora of a universe",
                4,
                low=1,
            ),
            P("universe", Type.INT, "seed of the key and value tables", 0, low=0),
            P("key_length", Type.INT, "symbols in a key", 2, low=1, high=4),
            P("keys", Type.INT, "symbols that keys are made of", 32, low=2, high=64),
            P("values", Type.INT, "symbols that values are made of", 32, low=2, high=64),
            *_CORPUS,
        ),
        traits=frozenset({"generated", "prompts"}),
    ),
    Signature(
        "markov",
        Kind.CORPUS,
        "Text from a random first-order Markov chain over letters.",
        (
            P("tokens", Type.TOKENS, "size of the corpus, rounded up to whole documents", low=1, high=1e8),
            P("symbols", Type.INT, "number of letters", 32, low=2, high=64),
            P("branching", Type.INT, "successors of each letter, equally likely", 4, low=1, high=64),
            P("document", Type.TOKENS, "tokens in a document, its end token included", 32, low=2),
            P("seed", Type.INT, "seed of the chain and of the text", 0, low=0),
            *_CORPUS,
        ),
        traits=frozenset({"generated"}),
    ),
)

_DATA = P("data", Type.DATA, "what is measured on", identity=False)

EVALUATIONS = (
    Signature(
        "loss",
        Kind.EVALUATION,
        "Mean cross-entropy per target token, in nats; `n` counts target tokens.",
        (_DATA,),
        positional=1,
        metric="loss",
    ),
    Signature(
        "perplexity",
        Kind.EVALUATION,
        "exp of the mean cross-entropy per target token; `n` counts target tokens.",
        (_DATA,),
        positional=1,
        metric="perplexity",
    ),
    Signature(
        "exact_match",
        Kind.EVALUATION,
        "Share of prompts whose greedy continuation is exactly the completion; `n` counts prompts.",
        (_DATA,),
        positional=1,
        metric="exact_match",
        traits=frozenset({"prompts"}),
    ),
    Signature(
        "choice",
        Kind.EVALUATION,
        "Share of prompts whose correct option has the highest likelihood; `n` counts prompts.",
        (
            _DATA,
            P(
                "normalise",
                Type.STRING,
                "how likelihoods of options of different lengths are compared",
                "bytes",
                choices=("none", "tokens", "bytes"),
            ),
        ),
        positional=1,
        metric="accuracy",
        traits=frozenset({"prompts", "options"}),
    ),
)

BUILTIN = (*MODELS, *OPTIMIZERS, *SCHEDULES, *CORPORA, *EVALUATIONS)
