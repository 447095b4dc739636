"""Tokens per second on one GPU: specc's learner, the tuned Trainer of transformers, a bare compiled loop.

    PYTHONPATH=.:runtime python tests/benchmarks/gpu.py [--packed] [--json FILE]
    PYTHONPATH=.:runtime python tests/benchmarks/gpu.py --lanes
    PYTHONPATH=.:runtime python tests/benchmarks/gpu.py --smoke       # on a CPU, in seconds

It needs torch, transformers, numpy, safetensors and pydantic, and accelerate for the Trainer; specc need
not be installed. All contenders train a model of SmolLM-135M's shape from the same weights on the same
rows in the same order with the same optimizer, in turns in one process. Their losses are compared before
anything is timed. A window of time begins and ends with the device idle; the steps before it (compiling,
warming up) don't count. MFU is that of `specc.flops`: PaLM's formula, attention in full.

specc computes the same bits each time, which the others don't; "specc, free" is specc without that.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, SequentialSampler
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from specc.flops import training_flops_per_token
from specc.steps import PARAMS, Component, Step, identity, step_key
from specc.store import Provenance, Store, open_workspace
from specc_runtime.attempt import Attempt
from specc_runtime.checkpoint import Position
from specc_runtime.device import device_name, use_device
from specc_runtime.gpu.learner import DeviceLearner, device_architecture
from specc_runtime.gpu.utilisation import FORMULA, peak
from specc_runtime.model import read_shape
from specc_runtime.packing import IGNORED, Batch
from specc_runtime.run import run_step
from specc_runtime.segment import Lineage, Segment
from specc_runtime.train import open_mixture

SMOLLM_135M = {"layers": 30, "width": 576, "heads": 9, "kv_heads": 3, "mlp": 1536}
SMALL = {"layers": 4, "width": 128, "heads": 4}
"""A model as small studies train many of, for `--lanes`: about 1M parameters."""
RATE, DECAY, CLIP = 1e-3, 0.1, 1.0


@dataclass
class Setting:
    """What is trained.

    Attributes:
        batch: sequences in a training step. micro: sequences that go through at once; None to search.
        warm: training steps before a window, steps: in a window.
    """

    device: torch.device
    store: Store
    shape: dict[str, int]
    vocab: int
    sequence: int
    batch: int
    micro: int | None
    warm: int
    steps: int
    rounds: int
    packed: bool
    dtype: str

    @property
    def tokens(self) -> int:
        return self.batch * self.sequence

    @property
    def total(self) -> int:
        """Training steps that a contender makes in all."""
        return (self.warm + self.steps) * self.rounds


def described(op: Any, params: dict[str, Any], inputs: dict[str, str], execution: dict[str, Any]) -> Step:
    typed = PARAMS[op].model_validate(params)
    key = step_key(op, identity(typed), inputs)
    data = typed.model_dump(mode="json")
    return Step(key=key, op=op, inputs=inputs, params=data, execution=execution)


def made_corpus(setting: Setting) -> str:
    """Random tokens, Zipf's law, as a prepared corpus: one document, or many of 50 to 1,500 tokens."""
    step = described("prepare", {"reader": {"name": "text", "args": {"packed": setting.packed}}}, {}, {})
    if setting.store.has(step.key):
        return step.key
    generator = np.random.default_rng(0)
    count = max(setting.tokens * 64, 1 << 16)
    tokens = (generator.zipf(1.2, count) % (setting.vocab - 1)).astype(np.uint16)
    lengths = np.array([count])
    if setting.packed:
        lengths = generator.integers(50, min(1500, setting.sequence), count // 50)
        lengths = lengths[: int(np.searchsorted(np.cumsum(lengths), count))]
        tokens = tokens[: lengths.sum()]
    folder = setting.store.work(step.key) / "artifact"
    folder.mkdir(parents=True)
    for split in ("train", "held_out"):
        np.save(folder / f"{split}.tokens.npy", tokens)
        np.save(folder / f"{split}.offsets.npy", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        np.save(folder / f"{split}.prompts.npy", np.zeros(len(lengths), dtype=np.int32))
        np.save(folder / f"{split}.ids.npy", np.arange(len(lengths), dtype=np.uint64))
    outputs = {"vocab": setting.vocab, "eos": setting.vocab - 1}
    setting.store.publish(step, folder, outputs, Provenance(versions={}))
    return step.key


def training(setting: Setting, seed: int = 0, steps: int | None = None) -> Step:
    """The training step that all do, with its corpus and its initial weights made."""
    architecture = Component(name="llama", args=setting.shape | {"context": setting.sequence})
    init = described("init", {"architecture": architecture, "vocab": setting.vocab, "seed": 0}, {}, {})
    if not setting.store.has(init.key):
        run_step(init, setting.store, lambda report: None, lambda: False)
    steps = steps or setting.total
    params = {
        "steps": steps,
        "sequence": setting.sequence,
        "batch": setting.batch,
        "sources": [{"corpus": "corpus0", "share": "1/1"}],
        "phases": [{"shape": "constant", "start": 0, "stop": steps, "first": RATE, "last": RATE}],
        "optimizer": {"name": "adamw", "args": {"weight_decay": DECAY}},
        "seed": seed,
        "clip": CLIP,
        "dtype": setting.dtype,
    }
    execution = {"device": str(setting.device), "micro_batch": setting.micro, "checkpoint_seconds": 1e9}
    execution["compiled"] = "on" if setting.device.type == "cuda" else "off"
    inputs = {"parent": init.key, "corpus0": made_corpus(setting)}
    return described("train", params, inputs, execution)


@dataclass
class Window:
    """A measured stretch of training: seconds, peak memory in bytes, and the losses of its steps."""

    seconds: float
    memory: int
    losses: list[float]


@dataclass
class Contender:
    """Somebody who trains.

    Attributes:
        go: makes so many training steps and returns their losses, not yet read where that would wait.
        ready: prepares so many training steps, outside of the time that is measured.
        deterministic: whether the same bits come out every time.
    """

    name: str
    go: Callable[[int], Any]
    read: Callable[[Any], list[float]]
    deterministic: bool = False
    ready: Callable[[int], None] = lambda steps: None
    windows: list[Window] = field(default_factory=list)

    def round(self, setting: Setting) -> None:
        torch.use_deterministic_algorithms(self.deterministic)
        self.ready(setting.warm)
        warm = self.read(self.go(setting.warm))
        self.ready(setting.steps)
        settle(setting.device)
        if setting.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(setting.device)
        began = time.perf_counter()
        unread = self.go(setting.steps)
        settle(setting.device)
        seconds = time.perf_counter() - began
        memory = 0
        if setting.device.type == "cuda":
            memory = torch.cuda.max_memory_allocated(setting.device)
            torch.cuda.empty_cache()
        self.windows.append(Window(seconds, memory, warm + self.read(unread)))


def settle(device: torch.device) -> None:
    """Wait until the device is idle."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def by_specc(setting: Setting, deterministic: bool) -> tuple[Contender, DeviceLearner]:
    """specc's loop as it is run: batches from the corpus, log, progress, values read later."""
    step = training(setting, steps=setting.total + 1)
    attempt = Attempt(step, setting.store, lambda report: None, lambda: False)
    folder, _ = attempt.input("parent")
    architecture = device_architecture(attempt.params, attempt.execution, folder)
    assert architecture is not None
    learner = DeviceLearner(architecture, attempt.params, attempt.execution, folder, setting.device)
    mixture = open_mixture(attempt, attempt.params, setting.vocab)
    segment = Segment(attempt, learner, mixture, Lineage(0, 0), Position(step=0), folder)
    segment.log_path = segment.log_path.with_name(f"metrics-{deterministic}.jsonl")
    segment.log_path.unlink(missing_ok=True)
    segment.__enter__()
    done = 0

    def go(steps: int) -> int:
        for _ in range(steps):
            turn = segment.turn()
            assert turn is not None
            segment.launched(turn, learner.launch(turn.batch, turn.rate, turn.lineage_step), learner.lag)
        return steps

    def read(steps: int) -> list[float]:
        nonlocal done
        segment.read_values()
        done += steps
        lines = segment.log_path.read_text().splitlines()
        return [json.loads(line)["loss"] for line in lines[done - steps : done]]

    name = "specc" if deterministic else "specc, free"
    return Contender(name, go, read, deterministic), learner


def rows_of(setting: Setting) -> Callable[[int], Batch]:
    """The batches, by their number."""
    step = training(setting)
    attempt = Attempt(step, setting.store, lambda report: None, lambda: False)
    mixture = open_mixture(attempt, attempt.params, setting.vocab)
    return lambda number: mixture.batch(number * setting.batch, (number + 1) * setting.batch)[0]


def fresh_model(setting: Setting) -> nn.Module:
    parent = setting.store.path(training(setting).inputs["parent"])
    model: nn.Module = AutoModelForCausalLM.from_pretrained(
        parent, dtype=torch.float32, attn_implementation="sdpa"
    )
    return model.to(setting.device).train()


def by_bare_loop(setting: Setting, micro: int) -> Contender:
    """The same model of transformers, autocast, compiled, fused AdamW; batches cut in advance and pinned."""
    model = fresh_model(setting)
    groups = [
        {"params": [each for each in model.parameters() if each.ndim >= 2], "weight_decay": DECAY},
        {"params": [each for each in model.parameters() if each.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8, fused=True)
    halved = setting.dtype == "bfloat16"

    def summed_loss(tokens: Tensor, labels: Tensor, positions: Tensor | None) -> Tensor:
        with torch.autocast(setting.device.type, dtype=torch.bfloat16, enabled=halved):
            logits = model(input_ids=tokens, position_ids=positions, use_cache=False).logits
        return cross_entropy(
            logits[:, :-1].float().flatten(0, 1),
            labels[:, 1:].flatten(),
            ignore_index=IGNORED,
            reduction="sum",
        )

    compiled = torch.compile(summed_loss, dynamic=False) if setting.device.type == "cuda" else summed_loss
    batch_of = rows_of(setting)
    done = 0

    def pinned(array: Any) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if setting.device.type == "cuda" else tensor

    cut: dict[int, tuple[list[tuple[Tensor, Tensor, Tensor | None]], int]] = {}

    def ready(steps: int) -> None:
        for number in range(done, done + steps):
            batch = batch_of(number)
            parts = []
            for first in range(0, setting.batch, micro):
                rows = slice(first, first + micro)
                positions = pinned(batch.positions[rows]) if batch.packed else None
                parts.append((pinned(batch.tokens[rows]), pinned(batch.labels[rows]), positions))
            cut[number] = (parts, batch.targets)

    def go(steps: int) -> list[Tensor]:
        nonlocal done
        losses = []
        for number in range(done, done + steps):
            parts, targets = cut.pop(number)
            total = torch.zeros((), device=setting.device)
            for part in parts:
                tokens, labels, positions = (
                    None if each is None else each.to(setting.device, non_blocking=True) for each in part
                )
                assert tokens is not None
                assert labels is not None
                loss = compiled(tokens, labels, positions) / targets
                loss.backward()
                total += loss.detach()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(total)
        done += steps
        return losses

    return Contender("bare loop, compiled", go, lambda losses: [float(loss) for loss in losses], ready=ready)


class Rows(Dataset[dict[str, Tensor]]):
    """Rows [first, first + count) of the training, as the Trainer wants them."""

    def __init__(self, batch_of: Callable[[int], Batch], first: int, setting: Setting) -> None:
        self.batch_of, self.first, self.setting = batch_of, first, setting
        self.number, self.batch = -1, None

    def __len__(self) -> int:
        return self.setting.batch * self.setting.total

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        number, place = divmod(self.first + row, self.setting.batch)
        if number != self.number:
            self.number, self.batch = number, self.batch_of(number)
        assert self.batch is not None
        found = {"input_ids": self.batch.tokens[place], "labels": self.batch.labels[place]}
        if self.batch.packed:
            found["position_ids"] = self.batch.positions[place]
        return {name: torch.from_numpy(value) for name, value in found.items()}


class InOrder(Trainer):
    def _get_train_sampler(self, *given: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)


class Clock(TrainerCallback):
    """Notes the time at two training steps, with the device idle; the losses come with the log."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.began = self.ended = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.setting.warm:
            settle(self.setting.device)
            if self.setting.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(self.setting.device)
            self.began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.setting.warm + self.setting.steps:
            settle(self.setting.device)
            self.ended = time.perf_counter()


@dataclass
class ByTrainer:
    """The Trainer of transformers as one who knows it sets it up; a run of it is a round."""

    setting: Setting
    micro: int
    folder: Path
    name: str = "HF Trainer, tuned"
    windows: list[Window] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.model = fresh_model(self.setting)
        self.batch_of = rows_of(self.setting)

    def round(self, setting: Setting) -> None:
        torch.use_deterministic_algorithms(False)
        on_gpu = setting.device.type == "cuda"
        arguments = TrainingArguments(
            output_dir=str(self.folder),
            max_steps=setting.warm + setting.steps,
            per_device_train_batch_size=self.micro,
            gradient_accumulation_steps=setting.batch // self.micro,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            weight_decay=DECAY,
            adam_beta2=0.95,
            max_grad_norm=CLIP,
            bf16=setting.dtype == "bfloat16",
            optim="adamw_torch_fused",
            torch_compile=on_gpu,
            use_cpu=not on_gpu,
            dataloader_num_workers=2 if on_gpu else 0,
            dataloader_pin_memory=on_gpu,
            dataloader_drop_last=True,
            logging_nan_inf_filter=False,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        clock = Clock(setting)
        first = len(self.windows) * (setting.warm + setting.steps) * setting.batch
        trainer = InOrder(
            self.model,
            args=arguments,
            train_dataset=Rows(self.batch_of, first, setting),
            callbacks=[clock],
        )
        result = trainer.train()
        memory = torch.cuda.max_memory_allocated(setting.device) if on_gpu else 0
        self.windows.append(Window(clock.ended - clock.began, memory, [result.training_loss]))
        del trainer
        if on_gpu:
            torch.cuda.empty_cache()


def compare_losses(contenders: Sequence[Any], setting: Setting) -> None:
    """Stop if they did not do the same: mean loss of the first round, before optimizer states differ.

    The Trainer makes a new optimizer for each round, so only the first is the same training.
    """
    means = {each.name: statistics.mean(each.windows[0].losses) for each in contenders}
    reference = means["bare loop, compiled"]
    largest = 1e-3 if setting.dtype == "bfloat16" else 1e-4
    print("mean loss of the first round: " + ", ".join(f"{name} {mean:.5f}" for name, mean in means.items()))
    for name, mean in means.items():
        if abs(mean - reference) > largest * reference:
            raise SystemExit(f"{name} did not train the same: {mean:.5f}, the bare loop {reference:.5f}")


def fitting(setting: Setting, learner: DeviceLearner) -> int:
    """Sequences that the others put through at once: what specc found, as a part of the batch.

    Half of it, since autocast keeps copies of its own and the bare loop would not fit else.
    """
    rows = max(1, learner.provenance()["micro_batch"] // (2 if setting.micro is None else 1))
    while setting.batch % rows:
        rows -= 1
    return rows


def race(setting: Setting, folder: Path, trainer: bool) -> dict[str, Any]:
    """All contenders in turns."""
    specc, learner = by_specc(setting, deterministic=True)
    free, _ = by_specc(setting, deterministic=False)
    micro = fitting(setting, learner)
    contenders: list[Any] = [specc, free, by_bare_loop(setting, micro)]
    contenders += [ByTrainer(setting, micro, folder)] if trainer else []
    for number in range(setting.rounds):
        for contender in contenders:
            contender.round(setting)
        if number == 0:
            compare_losses(contenders, setting)
    shape = read_shape(setting.store.path(training(setting).inputs["parent"]))
    each = training_flops_per_token(shape, setting.sequence)
    highest = peak(device_name(setting.device)) if setting.dtype == "bfloat16" else None
    print(
        f"{shape.parameters:,} parameters, {each / 1e9:.3f} GFLOP/token, the others {micro} sequences at once"
    )
    print(f"specc: {json.dumps(learner.provenance())}")
    print(
        f"{'':22} {'tokens/s':>10} {'least':>10} {'most':>10} {'MFU ' + FORMULA:>9} {'GiB':>6} {'to bare':>8}"
    )
    speeds = {
        one.name: [setting.tokens * setting.steps / window.seconds for window in one.windows]
        for one in contenders
    }
    rows = {}
    for one in contenders:
        middle = statistics.median(speeds[one.name])
        rows[one.name] = {
            "tokens_per_second": speeds[one.name],
            "mfu": each * middle / highest if highest else None,
            "peak_bytes": max(window.memory for window in one.windows),
        }
        ratio = middle / statistics.median(speeds["bare loop, compiled"])
        share = f"{each * middle / highest:.1%}" if highest else "-"
        print(
            f"{one.name:22} {middle:10,.0f} {min(speeds[one.name]):10,.0f} {max(speeds[one.name]):10,.0f}"
            f" {share:>9} {rows[one.name]['peak_bytes'] / 2**30:6.1f} {ratio:8.2f}"
        )
    return rows


def lanes(setting: Setting) -> dict[str, Any]:
    """Small models trained together: time of a training step of K of them, by that of one."""
    from specc_runtime.lanes.group import Group

    count = setting.warm + setting.steps
    seconds: dict[int, list[float]] = {1: [], 2: [], 4: [], 8: []}
    for number in range(setting.rounds):
        for together in seconds:
            chosen = [
                training(setting, seed=1000 * number + 100 * together + lane, steps=count)
                for lane in range(together)
            ]
            failures: list[Exception] = []

            def settled(step: Step, end: Any) -> None:
                if isinstance(end, Exception):
                    failures.append(end)  # noqa: B023

            Group(chosen, setting.store, lambda step, report: None, settled, lambda: False).train()
            if failures:
                raise failures[0]
            log = setting.store.path(chosen[0].key) / "metrics.jsonl"
            times = [json.loads(line)["seconds"] for line in log.read_text().splitlines()]
            seconds[together].append((times[-1] - times[setting.warm - 1]) / setting.steps)
    alone = statistics.median(seconds[1])
    print(f"{'lanes':>5} {'ms a step':>10} {'times one':>10} {'models x tokens/s':>18}")
    rows = {}
    for together, found in seconds.items():
        middle = statistics.median(found)
        speed = together * setting.tokens / middle
        rows[str(together)] = {"seconds": found, "times_one": middle / alone}
        print(f"{together:5} {middle * 1e3:10.2f} {middle / alone:10.2f} {speed:18,.0f}")
    return rows


def setting_of(options: argparse.Namespace, store: Store) -> Setting:
    device = torch.device("cpu" if options.smoke else "cuda")
    if options.lanes:
        small = Setting(device, store, SMALL, 512, 128, 2, None, 20, 100, 3, True, "float32")
        if options.smoke:
            small.shape, small.warm, small.steps, small.rounds = (
                {"layers": 1, "width": 32, "heads": 2},
                2,
                4,
                1,
            )
        return small
    if options.smoke:
        tiny = {"layers": 2, "width": 32, "heads": 2}
        return Setting(device, store, tiny, 300, 128, 4, 2, 2, 3, 2, options.packed, "float32")
    return Setting(
        device,
        store,
        SMOLLM_135M,
        49_152,
        options.sequence,
        options.batch,
        options.micro_batch,
        options.warm,
        options.steps,
        options.rounds,
        options.packed,
        "bfloat16",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sequence", type=int, default=2048, help="tokens in a sequence")
    parser.add_argument("--batch", type=int, default=128, help="sequences in a training step")
    parser.add_argument(
        "--micro-batch", type=int, help="sequences at once, for all; specc searches if not given"
    )
    parser.add_argument("--warm", type=int, default=6, help="steps before each window")
    parser.add_argument("--steps", type=int, default=12, help="steps in a window")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--packed", action="store_true", help="rows of several documents, kept apart")
    parser.add_argument("--no-trainer", action="store_true", help="without the Trainer (no accelerate)")
    parser.add_argument("--lanes", action="store_true", help="small models trained together instead")
    parser.add_argument("--smoke", action="store_true", help="a tiny model on a CPU: tries the script itself")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    if not options.smoke and not torch.cuda.is_available():
        raise SystemExit("there is no GPU here; `--smoke` tries the script on a CPU")
    with tempfile.TemporaryDirectory() as folder:
        use_device("cpu" if options.smoke else "cuda", 1)
        setting = setting_of(options, Store(open_workspace(Path(folder) / "workspace", create=True)))
        print(
            f"{device_name(setting.device)}, python {platform.python_version()}, torch {torch.__version__}, "
            f"transformers {transformers.__version__}; {setting.batch} x {setting.sequence} tokens a step"
        )
        if options.lanes:
            rows = lanes(setting)
        else:
            rows = race(setting, Path(folder) / "trainer", not options.no_trainer)
        if options.json:
            options.json.write_text(
                json.dumps({"device": device_name(setting.device), "figures": rows}, indent=1)
            )


if __name__ == "__main__":
    main()
