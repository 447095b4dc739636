"""From a chat model of the hub to a fine-tuned one that transformers talks to, by the commands of a user."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from recipe import Study
from transformers import AutoModelForCausalLM, AutoTokenizer

from fake_hub import FakeHub, fake_hub
from specc.exporting.tokenizer import byte_tokenizer
from tiny_models import save_tiny

pytestmark = pytest.mark.conformance

NAME = "someone/tiny-chat"
TEMPLATE = (
    "{% for each in messages %}<|im_start|>{{ each.role }}\n{{ each.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPEC = """
model base = hub("someone/tiny-chat")

experiment tuned {
  sweep rank in [2, 4]

  corpus talk = chat("talks.jsonl", tokenizer = base.tokenizer, held_out = 20%, max_epochs = 50)

  allocate { talk 4_096 tokens { warm: 25%, tune: rest } }

  stage warm from base {
    optimizer = adamw(weight_decay = 0)
    schedule  = constant(peak = 3e-3)
    batch     = 8 sequences
    sequence  = 32 tokens
  }
  stage tune from warm {
    schedule = constant(peak = 1e-2)
    adapter  = lora(rank = rank, alpha = 16)
  }

  eval answers = loss(talk.held_out) after [warm, tune]
  expect learned = mean(answers after tune given rank = 4) < mean(answers after warm given rank = 4)
}
"""


@dataclass(frozen=True)
class Connected(Study):
    """A folder with a recipe, and a hub."""

    hub: FakeHub

    def environment(self) -> dict[str, str]:
        cache = {"HF_HUB_CACHE": str(self.folder / "hub"), "HF_ENDPOINT": self.hub.url}
        return super().environment() | cache


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    folder = tmp_path_factory.mktemp("real")
    published = folder / "published"
    save_tiny(published, "gpt2", torch.bfloat16, vocab=259)
    tokenizer = byte_tokenizer()
    (end,) = tokenizer["added_tokens"]
    for number, text in ((257, "<|im_start|>"), (258, "<|im_end|>")):
        tokenizer["added_tokens"].append(end | {"id": number, "content": text})
    (published / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"}
    (published / "tokenizer_config.json").write_text(json.dumps(settings))
    (published / "chat_template.jinja").write_text(TEMPLATE)
    lines = []
    for number in range(60):
        asked = {"role": "user", "content": f"after {number % 9}?"}
        told = {"role": "assistant", "content": str(number % 9 + 1)}
        lines.append(json.dumps({"messages": [asked, told] * (1 + number % 2)}) + "\n")
    (folder / "talks.jsonl").write_text("".join(lines))
    with fake_hub() as hub:
        hub.folders[NAME] = published
        made = Connected(folder, hub)
        made.write(SPEC)
        yield made


def test_a_chat_model_of_the_hub_is_tuned_and_exported(study: Connected) -> None:
    assert "run `specc lock" in study.specc("check", "small.spec", code=1).stderr
    study.specc("lock", "small.spec")
    lock = json.loads((study.folder / "small.lock").read_text())
    assert lock["models"][NAME]["revision"] == study.hub.commit(NAME)
    assert lock["models"][NAME]["dtype"] == "bfloat16"

    study.hub.folders.clear()  # the network is gone
    assert "to do:" in study.specc("plan", "small.spec").stdout
    done = study.specc("run", "small.spec", "-j", "1").stdout
    assert "met  " in done
    rows = study.rows(
        "select distinct stage, corpus, tokens_planned, tokens_counted from allocations order by all"
    )
    assert [row["tokens_planned"] for row in rows] == [row["tokens_counted"] for row in rows]

    study.specc("export", "rank=4/seed=0/tune", "out")
    model: Any = AutoModelForCausalLM.from_pretrained(study.folder / "out", dtype="auto")
    assert model.dtype == torch.bfloat16
    tokenizer: Any = AutoTokenizer.from_pretrained(study.folder / "out")
    talk = [{"role": "user", "content": "after 4?"}]
    prompt = tokenizer.apply_chat_template(
        talk, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    assert prompt["input_ids"][0].tolist()[0] == 257
    said = model.generate(**prompt, max_new_tokens=3, do_sample=False, pad_token_id=258)
    assert said.shape[1] > prompt["input_ids"].shape[1]
    card = (study.folder / "out" / "README.md").read_text()
    assert f"| began as | {NAME}@{lock['models'][NAME]['revision']} |" in card
    assert "| adapter | lora(rank = 4) |" in card
    assert os.listdir(study.folder / "hub")
