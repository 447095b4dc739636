"""Tasks of the lm-evaluation-harness, against the same sums over one row at a time through transformers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from small_recipes import study_of
from specc.corpora.harness.metrics import DEFAULTS, METRICS
from specc.corpora.harness.task import FILTERS
from specc.errors import DataError, SpeccError
from specc.steps import Step
from specc.store import Manifest, Store
from specc_runtime.evaluate import harness
from workshop import EOS, Workshop

pytestmark = pytest.mark.conformance

RECIPE = """\
model tiny = llama(layers = 2, width = 16, heads = 2, context = 48 tokens)

experiment small {
  corpus web = markov(tokens = 8K tokens, symbols = 8, branching = 1)
  allocate { web { pretrain: 100% } }
  stage pretrain from tiny {
    optimizer = adamw()
    schedule  = constant(peak = 1e-2)
    batch     = 4 sequences
    sequence  = 48 tokens
  }
{evals}
}
"""
CHOICE = """\
task: colours
dataset_path: json
dataset_kwargs:
  data_files: {test: colours.jsonl, train: shots.jsonl}
test_split: test
fewshot_split: train
fewshot_config: {sampler: first_n}
output_type: multiple_choice
doc_to_text: "{{thing}} is"
doc_to_choice: options
doc_to_target: answer
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm}
"""
SUMS = """\
task: words
dataset_path: json
dataset_kwargs: {data_files: {test: words.jsonl}}
validation_split: test
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: UNTIL, max_gen_toks: 6}
"""
TEXTS = """\
task: texts
dataset_path: json
dataset_kwargs: {data_files: {test: texts.json}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: text
"""
LAST = """\
task: last
dataset_path: json
dataset_kwargs:
  data_files: {test: colours.jsonl, train: shots.jsonl}
test_split: test
fewshot_split: train
output_type: loglikelihood
doc_to_text: "{{thing}} is"
doc_to_target: " {{options[answer]}}"
"""
OPTIONS = ["red", "green", "blue sky", "é"]
THINGS = ["grass", "sky", "blood", "leaf", "sea", "rose", "fog"]
SHOTS = "wine is green\n\nmoss is blue sky\n\n"
PROMPTS = [text for letter in "abcdefgh" for text in (letter, f"{letter}{letter}x")]
LONG = [
    "a text",
    "a text of more bytes than go into a sequence, which is cut into windows",
    "ä, ö and ü " * 9,
]


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@dataclass
class Bench:
    """A workspace with a trained model, beside a folder of tasks."""

    folder: Path
    shop: Workshop

    def steps(self, call: str, recipe: str) -> list[Step]:
        """All steps of a recipe with this evaluation."""
        study = study_of(self.folder, recipe.replace("{evals}", f"  eval it = {call} after pretrain"))
        return [
            self.shop.step(step.op, step.params, step.inputs, step.execution, step.label)
            for step in study.steps
        ]

    def measured(self, call: str, recipe: str = RECIPE) -> Manifest:
        """What an evaluation finds, after the steps that it needs."""
        steps = {step.key: step for step in self.steps(call, recipe)}

        def do(key: str) -> Manifest:
            for role, other in steps[key].inputs.items():
                if role != "resume" and not self.shop.store.has(other):
                    do(other)
            return self.shop.do(steps[key])

        (last,) = (key for key, step in steps.items() if step.op == "eval")
        return do(last)

    def samples(self, manifest: Manifest) -> list[dict[str, Any]]:
        text = (self.shop.store.path(manifest.key) / "samples.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def model(self, manifest: Manifest) -> Any:
        return AutoModelForCausalLM.from_pretrained(self.shop.store.path(manifest.inputs["checkpoint"]))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("harness")
    tasks = folder / "tasks"
    tasks.mkdir()
    (tasks / "colours.yaml").write_text(CHOICE)
    (tasks / "texts.yaml").write_text(TEXTS)
    (tasks / "last.yaml").write_text(LAST)
    rows = [{"thing": thing, "options": OPTIONS, "answer": at % 4} for at, thing in enumerate(THINGS)]
    lines(tasks / "colours.jsonl", rows)
    lines(tasks / "shots.jsonl", [rows[1] | {"thing": "wine"}, rows[2] | {"thing": "moss"}, rows[0]])
    (tasks / "texts.json").write_text(json.dumps([{"text": text} for text in LONG]))
    return Bench(folder, Workshop(Store(folder / "ws")))


@torch.inference_mode()
def log_likelihood(model: Any, context: list[int], continuation: list[int]) -> float:
    """Of a continuation, by one forward pass over one row."""
    row = torch.tensor([context + continuation])
    scores = model(row).logits[0].log_softmax(-1)
    places = range(len(context), len(context) + len(continuation))
    return sum(float(scores[place - 1, row[0, place]]) for place in places)


@torch.inference_mode()
def continued(model: Any, text: str, count: int) -> str:
    """The greedy continuation, each token by a forward pass over all that is before it."""
    row = list(text.encode())
    for _ in range(count):
        token = int(model(torch.tensor([row])).logits[0, -1].argmax())
        if token == EOS:
            break
        row.append(token)
    return bytes(row[len(text.encode()) :]).decode(errors="replace")


@pytest.mark.parametrize(("metric", "shots"), [("acc", 0), ("acc", 2), ("acc_norm", 0)])
def test_a_choice_is_the_likeliest_option(bench: Bench, metric: str, shots: int) -> None:
    call = f'lm_eval("colours", include = "tasks", metric = "{metric}", num_fewshot = {shots})'
    manifest = bench.measured(call)
    model = bench.model(manifest)
    expected = []
    for thing in THINGS:
        context = list(((SHOTS if shots else "") + f"{thing} is").encode())
        scores = []
        for option in OPTIONS:
            tail = list(f" {option}".encode())
            score = log_likelihood(model, context[-(48 - len(tail)) :], tail)
            scores.append(score / len(option) if metric == "acc_norm" else score)
        expected.append(OPTIONS[scores.index(max(scores))])
    samples = bench.samples(manifest)
    right = [OPTIONS[at % 4] for at in range(len(THINGS))]
    assert [sample["prediction"] for sample in samples] == expected
    assert [sample["target"] for sample in samples] == right
    values = [float(one == other) for one, other in zip(expected, right, strict=True)]
    assert [sample["value"] for sample in samples] == values
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    assert manifest.outputs == {
        "metric": metric,
        "value": pytest.approx(mean),
        "n": len(THINGS),
        "stderr": pytest.approx(math.sqrt(spread / len(values))),
    }
    assert len({sample["document"] for sample in samples}) == len(THINGS)


def test_a_continuation_is_greedy_and_ends_where_the_task_says(bench: Bench) -> None:
    model = bench.model(bench.measured('lm_eval("colours", include = "tasks")'))
    said = [continued(model, prompt, 6) for prompt in PROMPTS]
    end = next(text[at] for text in said for at in range(1, len(text)) if text[at] not in text[:at])
    cut = [text.split(end)[0] for text in said]
    assert cut != said
    assert any(cut)
    (bench.folder / "tasks/words.yaml").write_text(SUMS.replace("UNTIL", json.dumps([end])))
    answers = [text if number % 2 else "wrong" for number, text in enumerate(cut)]
    rows = [{"prompt": prompt, "answer": answer} for prompt, answer in zip(PROMPTS, answers, strict=True)]
    lines(bench.folder / "tasks/words.jsonl", rows)
    manifest = bench.measured('lm_eval("words", include = "tasks")')
    samples = bench.samples(manifest)
    assert [sample["prediction"] for sample in samples] == cut
    assert [sample["target"] for sample in samples] == answers
    assert [sample["value"] for sample in samples] == [
        float(a == b) for a, b in zip(cut, answers, strict=True)
    ]
    assert manifest.outputs["metric"] == "exact_match"
    assert manifest.outputs["value"] == pytest.approx(sum(number % 2 for number in range(16)) / 16)


def test_a_text_is_read_in_windows_that_predict_each_token_once(bench: Bench) -> None:
    room = 47
    manifest = bench.measured('lm_eval("texts", include = "tasks", metric = "bits_per_byte")')
    model = bench.model(manifest)
    losses, sizes = [], []
    for text in LONG:
        tokens = list(text.encode())
        total, reached = 0.0, 0
        while reached < len(tokens):
            end = min(reached + room, len(tokens))
            given = [EOS, *tokens][max(0, end - room) : reached + 1] if reached else [EOS]
            total -= log_likelihood(model, given, tokens[reached:end])
            reached = end
        losses.append(total)
        sizes.append(len(tokens))
    assert max(sizes) > 2 * room
    bits = sum(losses) / sum(sizes) / math.log(2)
    assert manifest.outputs["value"] == pytest.approx(bits, rel=1e-5)
    assert manifest.outputs["n"] == sum(sizes)
    values = [loss / size / math.log(2) for loss, size in zip(losses, sizes, strict=True)]
    assert [sample["value"] for sample in bench.samples(manifest)] == pytest.approx(values, rel=1e-5)
    perplexity = bench.measured('lm_eval("texts", include = "tasks", metric = "byte_perplexity")').outputs
    assert perplexity["value"] == pytest.approx(2**bits, rel=1e-5)
    # The delta method: a mean in nats has the error of the one in bits, times log 2.
    in_nats = manifest.outputs["stderr"] * math.log(2)
    assert perplexity["stderr"] == pytest.approx(perplexity["value"] * in_nats, rel=1e-4)


@pytest.mark.parametrize(
    ("task", "metric", "shots"), [("texts", "word_perplexity", 0), ("last", "perplexity", 2)]
)
def test_values_are_those_of_the_model_that_comes_with_the_harness(
    bench: Bench, task: str, metric: str, shots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import PreTrainedTokenizerFast

    words = 'text("stdlib:email/*.py", tokenizer = bpe(vocab = 600))'
    recipe = RECIPE.replace("markov(tokens = 8K tokens, symbols = 8, branching = 1)", words)
    recipe = recipe.replace("pretrain: 100%", "pretrain: 8_000 tokens")
    call = f'lm_eval("{task}", include = "tasks", metric = "{metric}", num_fewshot = {shots})'
    manifest = bench.measured(call, recipe)
    rows = bench.shop.store.path(manifest.inputs["corpus0"])
    end = json.loads((rows / "tokenizer.json").read_text())["added_tokens"][0]["content"]
    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(tokenizer_file=str(rows / "tokenizer.json"), eos_token=end)
    model = HFLM(pretrained=bench.model(manifest), tokenizer=tokenizer, max_length=47, device="cpu")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(bench.folder / "cache"))
    monkeypatch.chdir(bench.folder / "tasks")  # the harness reads `data_files` from where it is called
    tasks = TaskManager(include_path=".", include_defaults=False)
    found = simple_evaluate(model, tasks=[task], num_fewshot=shots, task_manager=tasks, bootstrap_iters=0)
    assert manifest.outputs["value"] == pytest.approx(found["results"][task][f"{metric},none"], rel=1e-4)


def test_a_limit_takes_the_first_rows_and_their_ids_stay(bench: Bench) -> None:
    whole = bench.samples(bench.measured('lm_eval("colours", include = "tasks")'))
    part = bench.measured('lm_eval("colours", include = "tasks", limit = 3)')
    assert bench.samples(part) == whole[:3]
    assert part.outputs["n"] == 3


@pytest.mark.parametrize(
    "template",
    ["{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ cycler.__init__.__globals__.os.getcwd() }}"],
)
def test_a_template_reaches_nothing_but_its_row(bench: Bench, template: str) -> None:
    text = CHOICE.replace("task: colours", "task: sly").replace("{{thing}} is", template)
    (bench.folder / "tasks/sly.yaml").write_text(text)
    with pytest.raises(DataError, match=r"SecurityError|UndefinedError"):
        bench.measured('lm_eval("sly", include = "tasks")')


def test_rows_that_a_template_does_not_fit_are_told(bench: Bench) -> None:
    text = CHOICE.replace("task: colours", "task: lacking").replace("{{thing}}", "{{something}}")
    (bench.folder / "tasks/lacking.yaml").write_text(text)
    with pytest.raises(DataError, match="'something' is undefined"):
        bench.measured('lm_eval("lacking", include = "tasks")')


def test_another_version_of_the_harness_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    call = 'lm_eval("colours", include = "tasks", limit = 2)'
    monkeypatch.setattr(harness, "harness_version", lambda: "0.0.1")
    with pytest.raises(SpeccError, match=r"lm_eval 0\.0\.1 is installed"):
        bench.measured(call)


def test_what_is_said_of_metrics_and_filters_is_what_the_harness_says() -> None:
    from lm_eval import filters
    from lm_eval.api import metrics, registry

    assert metrics
    assert filters
    assert {name: tuple(each) for name, each in registry.DEFAULT_METRIC_REGISTRY.items()} == DEFAULTS
    for name, kind in METRICS.items():
        assert registry.is_higher_better(name) == (kind.better == "higher")
        assert registry.get_metric_aggregation(name) is registry.get_aggregation(kind.aggregation)
    for name in FILTERS:
        assert registry.get_filter(name) is not None
