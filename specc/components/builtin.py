"""The components that come with specc; those of data are in `specc.components.builtin_data`.

Values in recipes reach components as JSON: shares as "n/d" strings, tokens and steps as integers.
"""

from __future__ import annotations

from specc.components.builtin_data import CORPORA, DATA_TRANSFORMS, TOKENIZERS
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
        example="llama(layers = 2, width = 64, heads = 2, context = 128 tokens)",
    ),
    Signature(
        "checkpoint",
        Kind.MODEL,
        "A local checkpoint in the hub's format: a folder with config.json and *.safetensors.",
        (P("path", Type.PATH, "the folder", identity=False),),
        positional=1,
        example='checkpoint("models/smollm")',
    ),
    Signature(
        "hub",
        Kind.MODEL,
        "A model of the Hugging Face hub in safetensors. `specc lock FILE` fetches it and writes its commit "
        "and the digests of its files beside the recipe; without that it can't be planned.",
        (
            P("name", Type.STRING, "owner and name on the hub", identity=False),
            P(
                "revision",
                Type.STRING,
                "branch, tag or commit that is looked up; default: the main branch",
                "",
                identity=False,
            ),
        ),
        positional=1,
    ),
)

_ADAMW = (
    P("beta1", Type.FLOAT, "decay of the gradient's mean", 0.9, low=0, high=1),
    P("beta2", Type.FLOAT, "decay of the gradient's square", 0.95, low=0, high=1),
    P("eps", Type.FLOAT, "added to the denominator", 1e-8, above=0),
    P("weight_decay", Type.FLOAT, "decoupled weight decay, times the learning rate", 0.1, low=0),
)

OPTIMIZERS = (
    Signature(
        "adamw",
        Kind.OPTIMIZER,
        "Adam with decoupled weight decay on matrices (vectors and norms are not decayed).",
        _ADAMW,
        source="Loshchilov and Hutter 2019, arXiv 1711.05101",
    ),
    Signature(
        "sam",
        Kind.OPTIMIZER,
        "Sharpness-aware minimisation around AdamW: the gradient is taken where the loss of the batch is "
        "highest nearby, which costs two passes over each batch.",
        (
            P(
                "rho",
                Type.FLOAT,
                "how far away: all weights together move by `rho` along the unclipped gradient of the whole "
                "batch, and back before the update",
                0.05,
                above=0,
            ),
            *_ADAMW,
        ),
        source="Foret et al. 2021, arXiv 2010.01412",
        traits=frozenset({"two_passes"}),
    ),
    Signature(
        "muon",
        Kind.OPTIMIZER,
        "Momentum made orthogonal for the matrices between embedding and output head, AdamW for all else; "
        "scaled so that learning rates of AdamW suit both.",
        (
            P("momentum", Type.FLOAT, "decay of the velocity of the matrices", 0.95, low=0, high=1),
            *_ADAMW,
        ),
        source="Jordan et al. 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv 2502.16982",
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
_WARMUP = P("warmup", Type.LENGTH, "linear rise from 0; a percentage is one of the horizon", "0/1")
_FLOOR = P("floor", Type.RATE, "learning rate at the end", "0/1")
_HORIZON = P(
    "horizon",
    Type.LENGTH,
    "length the curve is laid out over, where the stage stops earlier or later",
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
        example="cosine(peak = 3e-3, warmup = 5%, floor = 10%)",
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
        example="wsd(peak = 3e-3, warmup = 5%, decay = 20%)",
    ),
)

REPLAYS = (
    Signature(
        "past",
        Kind.REPLAY,
        "A share of the stage reads again what the stages before it have read, the recent ones more of it.",
        (
            P("share", Type.SHARE, "share of the stage that is read again"),
            P(
                "decay",
                Type.SHARE,
                "weight of a stage's tokens for each stage that lies between: the parent has 100%, "
                "its parent this, the one before it the square of this",
                "1/1",
            ),
        ),
        example="past(share = 10%, decay = 50%)",
    ),
)

ADAPTERS = (
    Signature(
        "lora",
        Kind.ADAPTER,
        "Low-rank adaptation: matrices of the layers stay, and what is added to each, alpha / rank times the "
        "product of two thin ones, is trained. The checkpoint has the sum. Needs the extra `specc[lora]`.",
        (
            P("rank", Type.INT, "inner size of the two matrices", low=1),
            P("alpha", Type.FLOAT, "what their product is scaled by, times `rank`", 16.0, above=0),
            P(
                "targets",
                Type.STRING,
                "matrices that are adapted; embeddings and the output head never are",
                "all",
                choices=("all", "attention", "mlp"),
            ),
        ),
        source="Hu et al. 2021, arXiv 2106.09685",
        example="lora(rank = 8, alpha = 16)",
    ),
)

STOPS = (
    Signature(
        "early_stop",
        Kind.STOP,
        "The stage ends where an evaluation no longer gets better; it reads at most what it is allocated.",
        (
            P("eval", Type.EVAL, "what is measured"),
            P("every", Type.LENGTH, "how often: steps, tokens or a share of the stage", "1/20"),
            P("patience", Type.INT, "evaluations in a row without improvement that end the stage", 3, low=1),
            P("min_delta", Type.FLOAT, "what counts as improvement is larger than this", 0.0, low=0),
            P("restore", Type.BOOL, "whether the stage ends with the best weights, not the last ones", True),
            P("min", Type.LENGTH, "before this the stage does not end", "0/1"),
        ),
        positional=1,
        source="Prechelt 1998, Early Stopping - But When?, criterion UP",
        example="early_stop(skill_loss, every = 10%, patience = 2)",
    ),
)

DATA_PARAMETER = P("data", Type.DATA, "what is measured on", identity=False)

EVALUATIONS = (
    Signature(
        "loss",
        Kind.EVALUATION,
        "Mean cross-entropy per target token, in nats; `n` counts target tokens.",
        (DATA_PARAMETER,),
        positional=1,
        metric="loss",
        unit="nats per token",
        better="lower",
        example="loss(take(web.held_out, 1K tokens))",
    ),
    Signature(
        "perplexity",
        Kind.EVALUATION,
        "exp of the mean cross-entropy per target token; `n` counts target tokens.",
        (DATA_PARAMETER,),
        positional=1,
        metric="perplexity",
        better="lower",
        example="perplexity(web.held_out)",
    ),
    Signature(
        "exact_match",
        Kind.EVALUATION,
        "Share of prompts whose greedy continuation is exactly the completion; `n` counts prompts.",
        (DATA_PARAMETER,),
        positional=1,
        metric="exact_match",
        unit="share of prompts",
        better="higher",
        traits=frozenset({"prompts"}),
        example="exact_match(skill.held_out)",
    ),
    Signature(
        "choice",
        Kind.EVALUATION,
        "Share of prompts whose correct option has the highest likelihood; `n` counts prompts.",
        (
            DATA_PARAMETER,
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
        unit="share of prompts",
        better="higher",
        traits=frozenset({"prompts", "options"}),
        example="choice(quiz.held_out)",
    ),
    Signature(
        "lm_eval",
        Kind.EVALUATION,
        "A task of the lm-evaluation-harness: its YAML and its rows lie in a folder. `n` counts rows, or for "
        "perplexities words or bytes. Code of a task (`!function`) is never run, and nothing is read from "
        "the hub. Needs the extra `specc[lm_eval]`.",
        (
            P("task", Type.STRING, "its name, as the YAML file says it", identity=False),
            P("include", Type.PATH, "folder with the YAML and the rows of the task", identity=False),
            P("metric", Type.STRING, 'one of its metrics, or "metric,filter"; default: its first', ""),
            P(
                "num_fewshot",
                Type.INT,
                "rows that are shown with answers; -1 for as many as it says",
                -1,
                low=-1,
            ),
            P("limit", Type.INT, "how many rows are measured, from the first; 0 for all", 0, low=0),
            P(
                "tokenizer",
                Type.TOKENIZER,
                "that of the checkpoint; default: that of the corpora of the table",
                "",
                identity=False,
            ),
        ),
        positional=1,
        source="Gao et al., lm-evaluation-harness; Biderman et al. 2024, arXiv 2405.14782",
        better="higher",
        example='lm_eval("colours", include = "tasks", num_fewshot = 2)',
    ),
)

CHECKPOINT_PARAMETER = P("checkpoint", Type.CHECKPOINT, "whose weights are changed", identity=False)

CHECKPOINT_TRANSFORMS = (
    Signature(
        "quantize",
        Kind.CHECKPOINT,
        "Matrices of the layers rounded to the nearest of 2^bits levels, and stored as what they round to. "
        "absmax: s = max|w| / (2^(bits-1) - 1), w becomes s round(w / s). "
        "affine: s = (max w - min w) / (2^bits - 1), w becomes min w + s round((w - min w) / s). "
        "Halves round to even. Norms and biases stay.",
        (
            CHECKPOINT_PARAMETER,
            P("bits", Type.INT, "bits of a weight", low=2, high=16),
            P(
                "group",
                Type.INT,
                "successive weights of a row that share a scale, the last ones may be fewer; 0: the row",
                0,
                low=0,
            ),
            P(
                "scheme",
                Type.STRING,
                "symmetric around zero, or between the smallest and the largest weight",
                "absmax",
                choices=("absmax", "affine"),
            ),
            P("embeddings", Type.BOOL, "whether embeddings and the output head are rounded too", False),
        ),
        positional=1,
        source="absmax: Dettmers et al. 2022, arXiv 2208.07339, section 2; affine: Jacob et al. 2018, "
        "arXiv 1712.05877, section 2.1",
    ),
    Signature(
        "perturb",
        Kind.CHECKPOINT,
        "Gaussian noise added to every matrix, embeddings included; norms and biases stay. With W a matrix "
        "of n weights and z standard normal: none: W + sigma z. rms: W + sigma |W| / sqrt(n) z. frobenius: "
        "W + sigma |W| / |z| z, which moves W by exactly sigma of its norm. inverse_frobenius: "
        "W + sigma / |W| z. |.| is the Frobenius norm.",
        (
            CHECKPOINT_PARAMETER,
            P("sigma", Type.FLOAT, "size of the noise", low=0),
            P("seed", Type.INT, "which draw; with the seed of the arm it decides on the noise", 0, low=0),
            P(
                "normalise",
                Type.STRING,
                "how the noise is scaled to a matrix",
                "frobenius",
                choices=("none", "rms", "frobenius", "inverse_frobenius"),
            ),
        ),
        positional=1,
        source="Springer et al. 2025, arXiv 2503.19206; inverse_frobenius is what the code of Watts et al. "
        "2026, arXiv 2605.02105, does",
        traits=frozenset({"random"}),
    ),
    Signature(
        "prune",
        Kind.CHECKPOINT,
        "In every matrix of the layers, the given share of the weights, those of smallest magnitude, set to "
        "0; of n weights floor(share n). Embeddings, the output head, norms and biases stay.",
        (CHECKPOINT_PARAMETER, P("share", Type.SHARE, "share of each matrix that is set to 0")),
        positional=1,
        source="Han et al. 2015, arXiv 1506.02626",
    ),
    Signature(
        "reset_optimizer",
        Kind.CHECKPOINT,
        "The same weights without the state of the optimizer.",
        (CHECKPOINT_PARAMETER,),
        positional=1,
    ),
)

BUILTIN = (
    *MODELS,
    *OPTIMIZERS,
    *SCHEDULES,
    *REPLAYS,
    *STOPS,
    *ADAPTERS,
    *TOKENIZERS,
    *CORPORA,
    *EVALUATIONS,
    *CHECKPOINT_TRANSFORMS,
    *DATA_TRANSFORMS,
)
