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

_FILES = P("files", Type.PATHS, "path or glob; `stdlib:` and `package:` name installed files", identity=False)
_EXCLUDE = P(
    "exclude", Type.STRINGS, "globs, from the root of `files`, that are left out", (), identity=False
)
CORPUS_PARAMETERS = (
    P("held_out", Type.SHARE, "share of the documents, by hash, kept for evaluation", "0/1"),
    P(
        "splits",
        Type.SPLITS,
        "further parts, by hash, that belong neither to `.train` nor to `.held_out`: names and shares",
        (),
    ),
    P(
        "tokenizer",
        Type.TOKENIZER,
        "a `tokenizers` JSON file, `NAME.tokenizer` of a model or corpus, or `bpe(...)`; default: bytes",
        "",
        identity=False,
    ),
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

TOKENIZERS = (
    Signature(
        "bpe",
        Kind.TOKENIZER,
        "Byte-level BPE, trained on the training split of corpora. It has exactly `vocab` tokens: the end "
        "token, the 256 bytes, and what is merged of them. A step of its own makes it.",
        (
            P("vocab", Type.INT, "number of tokens", low=257, high=1_000_000),
            P(
                "bytes",
                Type.INT,
                "how much text is read of each corpus, in bytes, up to whole documents; 0 for all",
                0,
                low=0,
            ),
            P(
                "on",
                Type.CORPORA,
                "what it is trained on, whatever tokenizer that has; default: the corpus that it is given to",
                (),
                identity=False,
            ),
        ),
        source="Sennrich et al. 2016, arXiv 1508.07909",
        example="bpe(vocab = 4_096)",
    ),
)

CORPORA = (
    Signature(
        "text",
        Kind.CORPUS,
        "Text files in UTF-8, also compressed by gzip or Zstandard; a file is a document.",
        (
            _FILES,
            _EXCLUDE,
            P("min_bytes", Type.INT, "shorter documents are left out, in bytes", 1, low=1),
            P("max_bytes", Type.INT, "longer documents are left out, in bytes; 0 for no limit", 0, low=0),
            *CORPUS_PARAMETERS,
        ),
        positional=1,
        example='text("stdlib:email/*.py", held_out = 5%)',
    ),
    Signature(
        "docstrings",
        Kind.CORPUS,
        "Triple-quoted strings that stand as statements in Python source; each is a document.",
        (
            _FILES,
            _EXCLUDE,
            P("min_bytes", Type.INT, "shorter documents are left out, in bytes", 80, low=1),
            *CORPUS_PARAMETERS,
        ),
        positional=1,
        example='docstrings("stdlib:email/*.py", held_out = 5%)',
    ),
    Signature(
        "jsonl",
        Kind.CORPUS,
        "A JSON object a line, also compressed by gzip or Zstandard: text, or prompt and completion (loss "
        "on the completion only).",
        (
            _FILES,
            _EXCLUDE,
            P("text", Type.STRING, "field that holds the text", ""),
            P("prompt", Type.STRING, "field that holds the prompt", ""),
            P("completion", Type.STRING, "field that holds the completion", ""),
            P("options", Type.STRING, "field that holds the list of options, for `choice`", ""),
            *CORPUS_PARAMETERS,
        ),
        positional=1,
        example='jsonl("data/skill.jsonl", prompt = "question", completion = "answer", held_out = 5%)',
    ),
    Signature(
        "chat",
        Kind.CORPUS,
        "Conversations as JSON lines, written out by a chat template; what the assistant says is learned.",
        (
            _FILES,
            _EXCLUDE,
            P("messages", Type.STRING, "field that holds the list of messages", "messages"),
            P(
                "template",
                Type.PATH,
                "file of the chat template; default: the one beside the tokenizer",
                "",
                identity=False,
            ),
            P(
                "answers",
                Type.STRING,
                "which messages of the assistant are learned; before the last alone, all is its prompt",
                "all",
                choices=("all", "last"),
            ),
            *CORPUS_PARAMETERS,
        ),
        positional=1,
        example='chat("data/chat.jsonl", tokenizer = base.tokenizer, held_out = 5%)',
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
            *CORPUS_PARAMETERS,
        ),
        positional=1,
        example='parquet("data/web.parquet", text = "body")',
    ),
    Signature(
        "declared",
        Kind.CORPUS,
        "A corpus that is not here, of the size that is said: to check and plan a recipe. It can't be run.",
        (
            P("tokens", Type.TOKENS, "size of the corpus, held-out documents included", low=1),
            P("vocab", Type.INT, "tokens in the vocabulary", low=1),
            P("documents", Type.INT, "number of documents; 0: one for each 500 tokens", 0, low=0),
            *CORPUS_PARAMETERS,
        ),
        traits=frozenset({"generated"}),
        example="declared(tokens = 9B tokens, vocab = 49_152, held_out = 1%)",
    ),
    Signature(
        "hf",
        Kind.CORPUS,
        "A data set of the Hugging Face hub, streamed: a row is a document. `specc lock` pins its commit and "
        "counts it; a run reads it from the hub again. Needs `pip install 'specc[hf]'`.",
        (
            P("name", Type.STRING, 'name on the hub: "owner/name"'),
            P("subset", Type.STRING, "its subset; default: the only one", ""),
            P("split", Type.STRING, "which of its splits is read", "train"),
            P("revision", Type.STRING, "branch, tag or commit; default: the default branch", ""),
            P("documents", Type.INT, "how many rows are read, from the first; 0 for all", 0, low=0),
            P("text", Type.STRING, "column that holds the text", ""),
            P("prompt", Type.STRING, "column that holds the prompt", ""),
            P("completion", Type.STRING, "column that holds the completion", ""),
            P("options", Type.STRING, "column that holds the list of options, for `choice`", ""),
            *CORPUS_PARAMETERS,
        ),
        positional=1,
        traits=frozenset({"generated"}),
        example='hf("allenai/c4", subset = "en", text = "text", documents = 1_000_000, held_out = 1%)',
    ),
    Signature(
        "token_files",
        Kind.CORPUS,
        "Token ids made elsewhere, in files of numpy's format (.npy) or as plain numbers (.bin); a document "
        "ends at the end token. With the `tokenizer` that made them, evaluations show text.",
        (
            _FILES,
            _EXCLUDE,
            P(
                "dtype",
                Type.STRING,
                "type of plain numbers, little-endian; .npy files say it themselves",
                "uint16",
                choices=("uint16", "uint32", "int32", "int64"),
            ),
            P("vocab", Type.INT, "number of tokens; 0 for those of the tokenizer", 0, low=0),
            P("eos", Type.INT, "id of the end token; -1 for that of the tokenizer", -1, low=-1),
            *CORPUS_PARAMETERS,
        ),
        positional=1,
        example='token_files("data/*.bin", vocab = 50_257, eos = 50_256)',
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
            *CORPUS_PARAMETERS,
        ),
        traits=frozenset({"generated", "prompts"}),
        example="facts(count = 96, held_out = 10%, max_epochs = 100)",
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
            *CORPUS_PARAMETERS,
        ),
        traits=frozenset({"generated"}),
        example="markov(tokens = 40K tokens, held_out = 5%)",
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

DOCUMENTS_PARAMETER = P("data", Type.DOCUMENTS, "whose documents are taken", identity=False)
_SEED = P("seed", Type.INT, "which draw; the seed of the run has no part in it", 0, low=0)
_SHARE_OF_DOCUMENTS = P("share", Type.SHARE, "share of the documents, by hash of their ids", "1/1")
_SIDE = P(
    "side",
    Type.STRING,
    "of documents with a prompt: what is changed",
    "both",
    choices=("both", "prompt", "completion"),
)

DATA_TRANSFORMS = (
    Signature(
        "take",
        Kind.DATA,
        "The first whole documents that together reach some tokens, in the order of the files.",
        (DOCUMENTS_PARAMETER, P("tokens", Type.TOKENS, "when to stop, end tokens included", low=1)),
        example="take(web.held_out, 1K tokens)",
        positional=2,
    ),
    Signature(
        "concat",
        Kind.DATA,
        "The documents of several data sets together.",
        (DOCUMENTS_PARAMETER,),
        example="concat(web.held_out, drift.held_out)",
        positional=1,
        traits=frozenset({"several"}),
    ),
    Signature(
        "where",
        Kind.DATA,
        "The documents for which every condition holds that is given.",
        (
            DOCUMENTS_PARAMETER,
            P("min_tokens", Type.TOKENS, "shortest document, prompt and end token included", 0, low=0),
            P("max_tokens", Type.TOKENS, "longest document, the same; 0 for no limit", 0, low=0),
            P("contains", Type.STRING, "text that a document holds, prompt included, letter by letter", ""),
            P(
                "share",
                Type.SHARE,
                "share of the documents, by hash of their ids; a smaller share is part of a larger one",
                "1/1",
            ),
            P("part", Type.INT, "which of the disjoint parts of that share, from 0", 0, low=0),
            _SEED,
        ),
        example="where(web.held_out, min_tokens = 8 tokens, share = 50%)",
        positional=1,
    ),
    Signature(
        "shuffle_labels",
        Kind.DATA,
        "Completions handed on among prompts, so that none keeps its own unless another has the same: label "
        "noise.",
        (DOCUMENTS_PARAMETER, _SHARE_OF_DOCUMENTS, _SEED),
        example="shuffle_labels(skill.held_out, share = 50%)",
        positional=1,
        source="Zhang et al. 2017, arXiv 1611.03530, section 2.1",
        traits=frozenset({"prompts", "drops_options", "same_length", "keeps_documents"}),
    ),
    Signature(
        "annotate",
        Kind.DATA,
        "A tag before the text or the prompt, or between prompt and completion.",
        (
            DOCUMENTS_PARAMETER,
            P("prefix", Type.STRING, "the tag; it is tokenised by itself"),
            _SHARE_OF_DOCUMENTS,
            P("loss", Type.BOOL, "whether the tag is learned; before a prompt it can't be", False),
            P(
                "place",
                Type.STRING,
                "at the start of the document, or of the completion",
                "start",
                choices=("start", "completion"),
            ),
            _SEED,
        ),
        example='annotate(web.held_out, prefix = "<web> ", share = 50%)',
        positional=1,
        source="Springer et al. 2026, arXiv 2605.09995",
        traits=frozenset({"keeps_documents"}),
    ),
    Signature(
        "mask_tokens",
        Kind.DATA,
        "Tokens that are read and not learned: those for which a hash of the tokens before them is below "
        "the share, the same wherever a passage is repeated.",
        (
            DOCUMENTS_PARAMETER,
            P("share", Type.SHARE, "share of the tokens that carry no loss"),
            P(
                "context",
                Type.INT,
                "tokens that are hashed; 0 for the document's id and the place",
                13,
                low=0,
            ),
            _SEED,
        ),
        example="mask_tokens(web.held_out, share = 25%)",
        positional=1,
        source="Hans et al. 2024, arXiv 2406.10209, section 3.1",
        traits=frozenset({"same_length", "keeps_documents"}),
    ),
    Signature(
        "permute_units",
        Kind.DATA,
        "The lines, sentences or words of each document in another order; what separates them stays.",
        (
            DOCUMENTS_PARAMETER,
            P(
                "unit",
                Type.STRING,
                "what changes places; sentences end with . ! or ? before white space",
                choices=("lines", "sentences", "words"),
            ),
            _SIDE,
            _SEED,
        ),
        example='permute_units(web.held_out, unit = "words")',
        positional=1,
        source="Sinha et al. 2021, arXiv 2104.06644, section 3",
        traits=frozenset({"drops_options", "same_length", "keeps_documents"}),
    ),
    Signature(
        "corrupt",
        Kind.DATA,
        "Tokens replaced at random by others of the vocabulary, drawn evenly; end tokens stay.",
        (
            DOCUMENTS_PARAMETER,
            P("share", Type.SHARE, "probability with which a token is replaced"),
            _SIDE,
            _SEED,
        ),
        example="corrupt(web.held_out, share = 10%)",
        positional=1,
        traits=frozenset({"drops_options", "same_length", "keeps_documents"}),
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
