"""The components that come with specc: corpora, tokenizers, and what makes data sets of others."""

from __future__ import annotations

from specc.components.signature import Kind, Parameter, Signature, Type

P = Parameter

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
