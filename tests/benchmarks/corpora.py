"""How fast corpora are tokenised and counted, in how much memory, and what a second plan costs.

    python -m tests.benchmarks.corpora [--gigabytes 1] [--threads 1 4] [--vocab 4096|0] [--folder DIR]

The corpus is JSON lines, made of the Python library's own source text until it is large enough, each
document made different by a number. Every line of the report is a process of its own, so that its peak
memory is its own. Seconds are of the wall; MB/s are of text, not of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SPEC = """\
experiment measured {
  corpus web = jsonl("web.jsonl", text = "text", held_out = 1%TOKENIZER)
  allocate { web { pretrain: 100% } }
  stage pretrain from llama(layers = 2, width = 64, heads = 2, context = 128 tokens) {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 64 sequences
  }
}
"""


def make_corpus(path: Path, size: int) -> int:
    """Write about `size` bytes of text as JSON lines; the bytes of text that it holds."""
    library = Path(sysconfig.get_path("stdlib"))
    texts = []
    for source in sorted(library.glob("**/*.py")):
        if "site-packages" not in source.parts:
            text = source.read_text(encoding="utf-8", errors="ignore").replace("\0", "")
            texts += [text[first : first + 4000] for first in range(0, len(text), 4000)]
    written = number = 0
    with open(path, "w", encoding="utf-8") as file:
        while written < size:
            text = f"# {number}\n{texts[number % len(texts)]}"
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            written += len(text.encode())
            number += 1
    return written


def measured(command: list[str], cache: Path) -> tuple[float, float, str]:
    """Seconds, peak memory in MB, and output of a command."""
    started = time.perf_counter()
    environment = os.environ | {
        "XDG_CACHE_HOME": str(cache),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'runtime'}",
        "TOKENIZERS_PARALLELISM": "false",
    }
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[:4]} ended with {status}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, output


def prepare(workspace: str, data: str, tokenizer: str, threads: str) -> None:
    """Do a prepare step alone, in this process, and print its seconds."""
    from specc.corpora.contents import fingerprint
    from specc.files import file_digest
    from specc.steps import PrepareParams, Step, identity, step_key
    from specc.store import Store, open_workspace
    from specc_runtime.run import run_step

    params = PrepareParams.model_validate(
        {
            "reader": {"name": "jsonl", "args": {"text": "text"}},
            "fingerprint": fingerprint([data]),
            "held_out": "1/100",
            "tokenizer": file_digest(tokenizer) if tokenizer else "byte",
        }
    )
    step = Step(
        key=step_key("prepare", identity(params), {}),
        op="prepare",
        params=params.model_dump(mode="json"),
        execution={"files": [data], "tokenizer_path": tokenizer or None, "threads": int(threads)},
    )
    store = Store(open_workspace(Path(workspace), create=True))
    started = time.perf_counter()
    cpu = time.process_time()
    manifest = run_step(step, store, lambda message: None, lambda: False)
    tokens = sum(manifest.outputs[split]["tokens"] for split in ("train", "held_out"))
    digest = manifest.files["train.tokens.npy"].sha256
    print(json.dumps([time.perf_counter() - started, time.process_time() - cpu, tokens, digest]))


def report(folder: Path, gigabytes: float, threads: list[int], vocab: int) -> None:
    """Print all measurements."""
    data = folder / "web.jsonl"
    size = make_corpus(data, int(gigabytes * 1e9))
    print(f"{size / 1e6:,.0f} MB of text; {os.cpu_count()} processors")
    cache = folder / "cache"
    time.sleep(2.5)  # a file that changed just now is not remembered
    kinds = {"byte": "", "bpe": f", tokenizer = bpe(vocab = {vocab})"}
    if not vocab:
        del kinds["bpe"]
    for kind, given in kinds.items():
        spec = folder / f"{kind}.spec"
        spec.write_text(SPEC.replace("TOKENIZER", given))
        for turn in ("first", "second"):
            seconds, memory, _ = measured([sys.executable, "-m", "specc", "plan", str(spec)], cache)
            speed = size / seconds / 1e6
            print(f"{kind:5} {turn:6} plan {seconds:8.2f} s {speed:8.1f} MB/s {memory:7,.0f} MB peak")
    made = {"byte": ""}
    if vocab:
        made["bpe"] = str(next((cache / "specc" / "tokenizers").glob("*.json")))
    for kind, tokenizer in made.items():
        found = set()
        for count in threads:
            workspace = folder / f"{kind}-{count}"
            command = [sys.executable, "-m", "tests.benchmarks.corpora", "--step", str(workspace), str(data)]
            _, memory, output = measured([*command, tokenizer, str(count)], cache)
            seconds, cpu, tokens, digest = json.loads(output)
            found.add(digest)
            print(
                f"{kind:5} {count} thread{'s' if count > 1 else ' '} {seconds:8.2f} s ({cpu:.2f} s CPU) "
                f"{size / seconds / 1e6:8.1f} MB/s {tokens / seconds / 1e6:7.2f} M tokens/s "
                f"{memory:7,.0f} MB peak"
            )
        assert len(found) == 1, "the bytes depend on the number of threads"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=0.1)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--vocab", type=int, default=4096, help="of the tokenizer; 0 for bytes alone")
    parser.add_argument("--folder", type=Path, help="where data is made; default: a temporary folder")
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        prepare(*options.step)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        report(Path(folder), options.gigabytes, options.threads, options.vocab)


if __name__ == "__main__":
    main()
