"""What data transforms make of documents, compared with the documents themselves and with plain loops."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from specc.components import COMPONENTS, Kind
from specc.corpora import encode as encode_module
from specc.corpora.blocks import Block
from specc.corpora.documents import Document, document_id, split_of
from specc.corpora.encode import encoded_blocks
from specc.corpora.hashing import hashed
from specc.corpora.tokens import ByteTokens
from specc.corpora.transforms import TRANSFORMS, transformed
from specc.corpora.transforms import labels as labels_module
from specc.steps import Component

TOKENS = ByteTokens()
WORDS = ("one", "two", "three", "four", "five", "six")


def texts(count: int, seed: int = 0) -> list[Document]:
    chosen = random.Random(seed)
    return [
        Document(text=f"{number}: " + " ".join(chosen.choices(WORDS, k=chosen.randint(1, 12))) + ".")
        for number in range(count)
    ]


def pairs(count: int) -> list[Document]:
    return [
        Document(prompt=f"{number}+1=", completion=str(number + 1), options=(str(number + 1), "none"))
        for number in range(count)
    ]


def blocks(documents: Sequence[Document]) -> Iterator[Block]:
    return encoded_blocks(((document, document_id(document)) for document in documents), TOKENS)


def apply(name: str, documents: Sequence[Document], **args: Any) -> list[Block]:
    return list(transformed(Component(name=name, args=args), [blocks(documents)], TOKENS))


def split_up(made: Sequence[Block]) -> list[NDArray[Any]]:
    """Tokens of each document."""
    return [
        block.tokens[first:last]
        for block in made
        for first, last in zip(block.offsets[:-1], block.offsets[1:], strict=True)
    ]


def read(made: Sequence[Block]) -> list[str]:
    return [TOKENS.decode(tokens) for tokens in split_up(made)]


def masks(made: Sequence[Block]) -> list[NDArray[np.bool_]]:
    found = []
    for block in made:
        masked = np.zeros(len(block.tokens), dtype=bool) if block.masked is None else block.masked
        for first, last in zip(block.offsets[:-1], block.offsets[1:], strict=True):
            found.append(masked[first:last])
    return found


def ids(made: Sequence[Block]) -> list[int]:
    return [number for block in made for number in block.ids.tolist()]


def test_every_transform_is_declared_and_done() -> None:
    declared = {
        name for name, signature in COMPONENTS.items() if signature.kind is Kind.DATA and not signature.plugin
    }
    assert declared == set(TRANSFORMS)


CASES: list[tuple[str, dict[str, Any]]] = [
    ("take", {"tokens": 700}),
    ("concat", {}),
    ("where", {"min_tokens": 9, "share": "1/3", "part": 1}),
    ("where", {"contains": "7"}),
    ("shuffle_labels", {"share": "1/2"}),
    ("annotate", {"prefix": "<tag>", "share": "1/2"}),
    ("annotate", {"prefix": "<tag>", "place": "completion", "loss": True}),
    ("mask_tokens", {"share": "1/4", "context": 3}),
    ("mask_tokens", {"share": "1/4", "context": 0}),
    ("permute_units", {"unit": "words"}),
    ("corrupt", {"share": "1/5", "side": "completion"}),
]


@pytest.mark.parametrize(("name", "args"), CASES)
def test_how_documents_are_cut_into_blocks_changes_nothing(
    name: str, args: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = pairs(90)
    whole = apply(name, documents, **args)
    monkeypatch.setattr(encode_module, "BATCH_CHARACTERS", 40)
    monkeypatch.setattr(labels_module, "BLOCK_TOKENS", 70)
    parts = apply(name, documents, **args)
    assert len(whole) == 1 < len(parts) or name == "where"
    for found, wanted in zip(split_up(parts), split_up(whole), strict=True):
        assert found.tolist() == wanted.tolist()
    assert ids(parts) == ids(whole)
    assert [m.tolist() for m in masks(parts)] == [m.tolist() for m in masks(whole)]
    assert [n for b in parts for n in b.prompts.tolist()] == [n for b in whole for n in b.prompts.tolist()]


@pytest.mark.parametrize(
    ("name", "args"), [case for case in CASES if case[0] not in ("take", "shuffle_labels")]
)
def test_a_document_becomes_the_same_wherever_it_stands(name: str, args: dict[str, Any]) -> None:
    documents = pairs(60)
    alone = dict(zip(ids(made := apply(name, documents, **args)), read(made), strict=True))
    others = dict(zip(ids(made := apply(name, documents[::-1], **args)), read(made), strict=True))
    assert alone == others


@pytest.mark.parametrize(("name", "args"), CASES)
def test_lengths_stay_where_the_signature_says_so(name: str, args: dict[str, Any]) -> None:
    made = apply(name, pairs(60), **args)
    kept = sum(len(block.tokens) for block in made) == sum(len(b.tokens) for b in blocks(pairs(60)))
    traits = COMPONENTS[name].traits
    assert kept or "same_length" not in traits
    assert ids(made) == ids(list(blocks(pairs(60)))) or "keeps_documents" not in traits


# ---- choosing documents


def test_take_stops_with_the_document_that_reaches_the_tokens() -> None:
    documents = texts(20)
    lengths = [len(document.text) + 1 for document in documents]
    assert read(apply("take", documents, tokens=lengths[0])) == [documents[0].text]
    assert len(read(apply("take", documents, tokens=lengths[0] + 1))) == 2
    assert len(read(apply("take", documents, tokens=10**9))) == 20


def test_several_data_sets_come_one_after_another() -> None:
    made = transformed(Component(name="concat"), [blocks(texts(3)), blocks(texts(2, seed=1))], TOKENS)
    assert read(list(made)) == [document.text for document in texts(3) + texts(2, seed=1)]


def test_where_keeps_the_documents_for_which_all_conditions_hold() -> None:
    documents = texts(80)
    made = read(apply("where", documents, min_tokens=20, max_tokens=40, contains="six"))
    assert made == [d.text for d in documents if 20 <= len(d.text) + 1 <= 40 and "six" in d.text]
    assert 0 < len(made) < 80


def test_where_looks_into_prompt_and_completion_together() -> None:
    assert read(apply("where", pairs(30), contains="=13")) == ["12+1=13"]


def test_parts_of_a_share_are_disjoint_and_together_all() -> None:
    documents = texts(200)
    parts = [set(ids(apply("where", documents, share="1/4", part=part))) for part in range(4)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 200
    assert all(30 < len(part) < 70 for part in parts)


def test_a_smaller_share_is_part_of_a_larger_one() -> None:
    documents = texts(200)
    small, large = (set(ids(apply("where", documents, share=share))) for share in ("1/10", "1/3"))
    assert small < large


def test_seeds_choose_other_documents() -> None:
    documents = texts(200)
    first, second = (set(ids(apply("where", documents, share="1/2", seed=seed))) for seed in (0, 1))
    assert 30 < len(first & second) < 70


# ---- labels


def test_every_prompt_gets_the_completion_of_another() -> None:
    made = split_up(apply("shuffle_labels", pairs(50)))
    answers = [TOKENS.decode(tokens).split("=") for tokens in made]
    assert [prompt for prompt, _ in answers] == [f"{number}+1" for number in range(50)]
    assert sorted(int(answer) for _, answer in answers) == list(range(1, 51))
    assert all(int(answer) != number + 1 for number, (_, answer) in enumerate(answers))
    assert all(tokens[-1] == TOKENS.eos for tokens in made)


def test_a_share_of_the_labels_is_shuffled() -> None:
    answers = [text.split("=") for text in read(apply("shuffle_labels", pairs(400), share="1/4"))]
    wrong = sum(int(answer) != number + 1 for number, (_, answer) in enumerate(answers))
    assert 60 < wrong < 140


def test_shuffled_labels_have_no_options() -> None:
    assert all(block.options is None for block in apply("shuffle_labels", pairs(5)))


# ---- tags


def test_a_tag_stands_before_the_text_and_carries_no_loss() -> None:
    documents = texts(5)
    made = apply("annotate", documents, prefix="<t> ")
    assert read(made) == ["<t> " + document.text for document in documents]
    for mask in masks(made):
        assert mask.tolist() == [True] * 4 + [False] * (len(mask) - 4)


def test_a_tag_that_is_learned_is_not_masked() -> None:
    assert not any(mask.any() for mask in masks(apply("annotate", texts(5), prefix="<t> ", loss=True)))


def test_a_tag_before_a_prompt_belongs_to_it() -> None:
    (made,) = apply("annotate", pairs(3), prefix="Q: ")
    assert read([made]) == ["Q: 0+1=1", "Q: 1+1=2", "Q: 2+1=3"]
    assert made.prompts.tolist() == [7, 7, 7]
    assert made.options is not None
    assert [bytes(tokens.tolist()) for tokens, _ in made.options.of(1)] == [b"2", b"none"]


def test_a_tag_behind_the_prompt_is_part_of_it_unless_it_is_learned() -> None:
    (silent,) = apply("annotate", pairs(3), prefix=" A: ", place="completion")
    (learned,) = apply("annotate", pairs(3), prefix=" A: ", place="completion", loss=True)
    assert read([silent]) == read([learned]) == ["0+1= A: 1", "1+1= A: 2", "2+1= A: 3"]
    assert silent.prompts.tolist() == [8, 8, 8]
    assert learned.prompts.tolist() == [4, 4, 4]
    assert silent.options is not None
    assert learned.options is not None
    assert [(bytes(t.tolist()), size) for t, size in silent.options.of(2)] == [(b"3", 1), (b"none", 4)]
    assert [(bytes(t.tolist()), size) for t, size in learned.options.of(2)] == [
        (b" A: 3", 5),
        (b" A: none", 8),
    ]


def test_a_share_of_the_documents_is_tagged() -> None:
    tagged = [text.startswith("#") for text in read(apply("annotate", texts(400), prefix="#", share="1/4"))]
    assert 60 < sum(tagged) < 140


def test_a_second_tag_keeps_the_mask_of_the_first() -> None:
    inner = apply("annotate", texts(3), prefix="in ")
    (outer,) = transformed(
        Component(name="annotate", args={"prefix": "out ", "loss": True}), [iter(inner)], TOKENS
    )
    assert [mask[:7].tolist() for mask in masks([outer])] == [[False] * 4 + [True] * 3] * 3


# ---- masks


def mask_by_loop(tokens: Sequence[int], share: Fraction, context: int, seed: int) -> list[bool]:
    """Goldfish masking as the paper writes it: a hash of the tokens before each, compared with the share."""

    def mixed(number: int) -> int:
        number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
        return number ^ number >> 31

    found = []
    for place in range(len(tokens)):
        state = hashed("mask", seed)
        for token in tokens[max(0, place - context) : place]:
            state = mixed(state ^ (token + 1))
        found.append(place >= context and state * share.denominator < share.numerator << 64)
    return found


def test_masks_are_those_of_the_definition() -> None:
    documents = texts(30)
    made = apply("mask_tokens", documents, share="1/3", context=4, seed=2)
    for tokens, mask in zip(split_up(made), masks(made), strict=True):
        assert mask.tolist() == mask_by_loop(tokens.tolist(), Fraction(1, 3), 4, 2)
    assert read(made) == [document.text for document in documents]


def test_a_repeated_passage_is_masked_alike() -> None:
    passage = "the same passage, word for word, of some length"
    made = apply(
        "mask_tokens", [Document(text="a" + passage), Document(text="other b" + passage)], share="1/2"
    )
    first, second = masks(made)
    size = len(passage) - 13
    assert first[-1 - size : -1].tolist() == second[-1 - size : -1].tolist()
    assert first.any()


def test_without_context_each_place_has_a_number_of_its_own() -> None:
    documents = texts(200)
    rate = np.concatenate(masks(apply("mask_tokens", documents, share="1/4", context=0))).mean()
    assert rate == pytest.approx(0.25, abs=0.03)


# ---- units


def test_words_change_places_and_white_space_stays() -> None:
    documents = texts(40)
    made = read(apply("permute_units", documents, unit="words"))
    for text, document in zip(made, documents, strict=True):
        assert Counter(text.split()) == Counter(document.text.split())
        assert re.findall(r"\s+", text) == re.findall(r"\s+", document.text)
    assert sum(text != document.text for text, document in zip(made, documents, strict=True)) > 30


def test_lines_change_places() -> None:
    lines = [f"line {number} of some" for number in range(9)]
    (text,) = read(apply("permute_units", [Document(text="\n\n".join(lines) + "\n")], unit="lines"))
    assert text.endswith("\n")
    assert sorted(text[:-1].split("\n\n")) == lines
    assert text[:-1].split("\n\n") != lines


def test_sentences_end_behind_closing_quotes_and_brackets() -> None:
    sentences = ["It is 3.5 m.", '"Why?"', "(He left.)", "So what!", "The end"]
    (text,) = read(apply("permute_units", [Document(text=" ".join(sentences))], unit="sentences", seed=3))
    orders = {" ".join(order) for order in _orders(sentences)}
    assert text in orders - {" ".join(sentences)}


def _orders(items: list[str]) -> Iterator[tuple[str, ...]]:
    from itertools import permutations

    yield from permutations(items)


def test_orders_are_drawn_evenly() -> None:
    documents = [Document(text=f"a b c\n{number}") for number in range(1200)]
    heads = Counter(
        text.split("\n")[0]
        for text in read(apply("permute_units", [*documents], unit="words"))
        if "\n" in text
    )
    first = Counter(head.split()[0] for head in heads.elements())
    assert all(250 < first[letter] < 350 for letter in "abc")


def test_words_stay_on_their_side_of_the_prompt() -> None:
    document = Document(prompt="what is the time", completion="a quarter past nine")
    (text,) = read(apply("permute_units", [document], unit="words", side="completion", seed=1))
    assert text.startswith(document.prompt or "-")
    assert Counter(text[len(document.prompt or "") :].split()) == Counter(document.completion.split())
    assert not text.endswith(document.completion)


def test_a_mask_moves_with_its_token() -> None:
    inner = apply("annotate", [Document(text="b c d e f g")], prefix="a ")
    (made,) = transformed(Component(name="permute_units", args={"unit": "words"}), [iter(inner)], TOKENS)
    (tokens,), (mask,) = split_up([made]), masks([made])
    assert bytes(tokens[mask].tolist()).replace(b" ", b"") == b"a"


# ---- replacement


def test_a_share_of_the_tokens_is_replaced_by_others_and_never_by_an_end() -> None:
    documents = texts(300)
    made = split_up(apply("corrupt", documents, share="1/4"))
    old = np.concatenate([np.frombuffer(document.text.encode(), np.uint8) for document in documents])
    new = np.concatenate([tokens[:-1] for tokens in made])
    assert (old != new).mean() == pytest.approx(0.25 * 255 / 256, abs=0.02)
    assert new.max() < TOKENS.eos
    assert all(tokens[-1] == TOKENS.eos for tokens in made)
    drawn = np.bincount(new[old != new], minlength=256)
    assert (drawn > 0).mean() > 0.95


def test_a_side_alone_is_replaced() -> None:
    made = read(apply("corrupt", pairs(50), share="1/1", side="prompt"))
    assert all(text.endswith(f"{number + 1}") for number, text in enumerate(made))


# ---- named splits


def test_splits_are_disjoint_and_larger_shares_take_from_training_alone() -> None:
    names = [f"{number:04x}" + 60 * "0" for number in range(0, 65536, 97)]

    def parts(held_out: str, **splits: str) -> dict[str, set[str]]:
        shares = [(name, Fraction(share)) for name, share in splits.items()]
        found: dict[str, set[str]] = {}
        for name in names:
            found.setdefault(split_of(name, Fraction(held_out), shares), set()).add(name)
        return found

    one = parts("1/10", probe="1/20", dev="1/20")
    assert sum(map(len, one.values())) == len(names)
    assert [round(100 * len(one[part]) / len(names)) for part in ("held_out", "probe", "dev")] == [10, 5, 5]
    wider = parts("1/5", probe="1/20", dev="1/10")
    assert wider["probe"] == one["probe"]
    assert wider["dev"] > one["dev"]
    assert wider["held_out"] > one["held_out"]
    assert parts("1/10")["held_out"] == one["held_out"]
