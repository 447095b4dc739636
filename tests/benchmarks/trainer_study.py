"""A study as a script with HF Trainer: every arm from scratch, one after another.

    python tests/benchmarks/trainer_study.py FOLDER [--arms N]

Made to be run by whole_studies.py, which writes FOLDER/study.json and the arrays that it names: the
rows of each stage in the order in which specc read them, with positions and labels, and the learning
rate of each step. So the script spends nothing on data. Trainer is used as people start it: float32,
its own attention, fused AdamW, no compiling, as many threads as torch takes by itself; exact match is
decided by `generate` on batches of 64 prompts of one length.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments
from transformers.utils.logging import disable_progress_bar

PROMPTS = 64
IGNORED = -100


class Rows(Dataset[dict[str, torch.Tensor]]):
    """Rows of a stage in their order."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self.arrays = {name: torch.from_numpy(arrays[name]) for name in arrays.files}

    def __len__(self) -> int:
        return len(self.arrays["input_ids"])

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {name: array[index] for name, array in self.arrays.items()}


class InOrder(Trainer):
    """Trainer that reads its rows in the order in which they are."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)


def train(model: Any, folder: Path, stage: dict[str, Any]) -> float:
    """Train a stage; returns the mean loss of its last ten steps."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": stage["weight_decay"]},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=tuple(stage["betas"]), eps=stage["eps"], fused=True)
    rates = stage["rates"]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rates[min(step, len(rates) - 1)])
    arguments = TrainingArguments(
        output_dir=str(folder / "out"),
        max_steps=len(rates),
        per_device_train_batch_size=stage["batch"],
        max_grad_norm=stage["clip"] or 0.0,
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=Rows(folder / stage["rows"]),
        optimizers=(optimizer, schedule),
    )
    trainer.log = lambda logs, *rest: trainer.state.log_history.append(logs)  # type: ignore[method-assign]  # silent
    trainer.train()
    return float([line["loss"] for line in trainer.state.log_history if "loss" in line][-1])


@torch.no_grad()
def evaluate(model: Any, folder: Path, measure: dict[str, Any]) -> float:
    """Share of prompts that are continued as they should be, or mean loss of the completions."""
    model.eval()
    with np.load(folder / measure["documents"]) as arrays:
        tokens, offsets, prompts = arrays["tokens"].astype(np.int64), arrays["offsets"], arrays["prompts"]
    documents = [tokens[begin:end] for begin, end in pairwise(offsets)]
    by_shape: dict[tuple[int, int], list[np.ndarray[Any, Any]]] = {}
    for document, prompt in zip(documents, prompts, strict=True):
        by_shape.setdefault((len(document), int(prompt)), []).append(document)
    total, count = 0.0, 0
    for (length, prompt), alike in by_shape.items():
        for first in range(0, len(alike), PROMPTS):
            rows = torch.from_numpy(np.stack(alike[first : first + PROMPTS]))
            if measure["eval"] == "exact_match":
                said = model.generate(
                    rows[:, :prompt],
                    attention_mask=torch.ones_like(rows[:, :prompt]),
                    max_new_tokens=length - prompt,
                    do_sample=False,
                    pad_token_id=0,
                )
                total += float((said[:, prompt:] == rows[:, prompt:]).all(1).sum())
                count += len(rows)
            else:
                labels = rows.clone()
                labels[:, :prompt] = IGNORED
                targets = int((labels[:, 1:] != IGNORED).sum())
                total += float(model(input_ids=rows, labels=labels).loss) * targets
                count += targets
    return total / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arms", type=int)
    options = parser.parse_args()
    disable_progress_bar()
    folder: Path = options.folder
    study = json.loads((folder / "study.json").read_text())
    for arm in study["arms"][: options.arms]:
        began, model = time.perf_counter(), AutoModelForCausalLM.from_pretrained(folder / arm["model"])
        found: dict[str, Any] = {"arm": arm["label"], "losses": {}, "values": {}}
        for stage in arm["stages"]:
            found["losses"][stage["stage"]] = train(model, folder, stage)
            for measure in stage["measures"]:
                found["values"][f"{measure['name']} after {stage['stage']}"] = evaluate(
                    model, folder, measure
                )
        print(json.dumps(found | {"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
