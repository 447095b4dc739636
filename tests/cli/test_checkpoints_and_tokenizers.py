"""A recipe that starts from a checkpoint of the hub's format, with a tokenizer file and Parquet data."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest
import torch
from recipe import Study
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

SPEC = """
model base = checkpoint("base")

experiment imported {
  sweep rate in [1e-3, 2e-3]

  corpus text = jsonl("text.jsonl", text = "body", held_out = 20%, tokenizer = "tokenizer.json",
                      max_epochs = 50)
  corpus quiz = parquet("quiz.parquet", prompt = "question", completion = "answer", options = "options",
                        tokenizer = "tokenizer.json", max_epochs = 50)

  allocate {
    text 4_096 tokens { adapt: 100% }
    quiz 2_048 tokens { tune: 100% }
  }

  stage adapt from base {
    optimizer = adamw(weight_decay = 0)
    schedule  = wsd(peak = rate, warmup = 2 steps, decay = 25%)
    batch     = 256 tokens
    sequence  = 32 tokens
  }
  stage tune from adapt@50% {
    schedule = linear(peak = 1e-3, horizon = 200%)
    dropout  = 0.1
    dtype    = "bfloat16"
  }

  eval text_ppl = perplexity(text.held_out) after adapt every 50%
  eval quiz_acc = choice(quiz.train) after [adapt, tune]

  check steps(adapt) == 16 steps

  expect better = ```sql
    select max(value) filter (position = 1) < max(value) filter (position = 0.5)
    from results where eval = 'text_ppl'
  ```
}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("imported")
    sentences = [f"the {thing} number {n} is a {thing}" for n in range(30) for thing in ("cat", "dog", "cow")]
    (folder / "text.jsonl").write_text("".join(json.dumps({"body": line}) + "\n" for line in sentences))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["</s>"])
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    rows = [("a cat is a", " cat" if n % 2 else " dog", n) for n in range(20)]
    duckdb.execute(
        "copy (select * from (values "
        + ", ".join(f"('{n}: {q}', '{a}', [' cat', ' dog'])" for q, a, n in rows)
        + f") t(question, answer, options)) to '{folder}/quiz.parquet'"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "base")
    study = Study(folder)
    (folder / "small.spec").write_text(SPEC)
    study.specc("run", "small.spec", "-j", "2")
    return study


def result(study: Study, name: str, stage: str) -> list[dict[str, Any]]:
    return study.rows(
        f"select rate, position, value, n from results where eval = '{name}' and stage = '{stage}' "
        "order by all"
    )


def test_perplexity_falls_from_that_of_the_imported_model(study: Study) -> None:
    rows = result(study, "text_ppl", "adapt")
    assert [(row["rate"], row["position"]) for row in rows] == [
        (1e-3, 0.5),
        (1e-3, 1),
        (2e-3, 0.5),
        (2e-3, 1),
    ]
    vocab = json.loads((study.folder / "base" / "config.json").read_text())["vocab_size"]
    assert all(1 < row["value"] < vocab for row in rows)
    assert rows[1]["value"] < rows[0]["value"]


def test_choice_counts_each_question_once(study: Study) -> None:
    for stage in ("adapt", "tune"):
        for row in result(study, "quiz_acc", stage):
            assert row["n"] == 20
            assert row["value"] * 20 == pytest.approx(round(row["value"] * 20))


def test_a_stage_starts_in_the_middle_of_another(study: Study) -> None:
    rows = study.rows(
        "select stage, min(lineage_tokens) as first from metrics where name = 'loss' group by stage"
    )
    first = {row["stage"]: row["first"] for row in rows}
    assert first == {"adapt": 256, "tune": 8 * 256 + 256}


def test_trained_checkpoints_load_with_transformers(study: Study) -> None:
    (row,) = study.rows("select checkpoint from stages where stage = 'tune' and rate = 0.001")
    folder = study.folder / ".specc" / "store" / row["checkpoint"][:2] / row["checkpoint"]
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.num_key_value_heads == 2
    assert torch.isfinite(model(torch.arange(8)[None]).logits).all()


def test_a_checkpoint_is_exported_by_its_name(study: Study) -> None:
    told = study.ask("export", "rate=0.001/seed=0/tune", "out", "--dtype", "bfloat16").output
    assert "rate=0.001/seed=0/tune is in out: bfloat16" in told
    model: Any = AutoModelForCausalLM.from_pretrained(study.folder / "out", dtype="auto")
    assert model.dtype == torch.bfloat16
    tokenizer: Any = AutoTokenizer.from_pretrained(study.folder / "out")
    ours = Tokenizer.from_file(str(study.folder / "tokenizer.json"))
    assert tokenizer("the cat number 7").input_ids == ours.encode("the cat number 7").ids
    assert tokenizer.eos_token == "</s>"
    card = (study.folder / "out" / "README.md").read_text()
    assert "| tune | quiz | 2,048 |" in card
    assert "| adapt@8 steps | text | 2,048 |" in card
    assert "nothing is overwritten" in study.ask("export", "rate=0.001/seed=0/tune", "out", code=2).output
    told = study.ask("export", "rate=0.001/seed=0/tunes", "other", code=2).output
    assert "write `imported/rate=0.001/seed=0/tune`" in told or "write `rate=0.001/seed=0/tune`" in told


def test_the_sql_expectation_is_judged(study: Study) -> None:
    (row,) = study.rows("select name, outcome from expectations")
    assert row == {"name": "better", "outcome": "met"}


def test_a_checkpoint_that_is_not_there_is_told_where_it_is_named(study: Study) -> None:
    wrong = study.folder / "wrong.spec"
    wrong.write_text(SPEC.replace('checkpoint("base")', 'checkpoint("bass")'))
    told = study.specc("check", "wrong.spec", code=1).stderr
    assert "wrong.spec:2:25" in told
    assert "bass" in told
