"""An imported model says whether lanes can train it, from the configuration that is pinned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from specc.analysis.compile import compile_file
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.locking import Lock, ModelLock, write_lock
from specc.shapes import config_shape

SPEC = """
model base = hub("a/b", revision = "v1")

experiment example {
  corpus web = text("stdlib:json/*.py")
  allocate { web 1_024 tokens { tune: 100% } }
  stage tune from base {
    sequence  = 32 tokens
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 8 sequences
  }
}
"""
CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 300,
    "max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    ("changes", "stackable"), [({}, True), ({"model_type": "qwen2"}, False), ({"mlp_bias": True}, False)]
)
def test_only_plain_llamas_are_stackable(tmp_path: Path, changes: dict[str, Any], stackable: bool) -> None:
    spec = tmp_path / "example.spec"
    spec.write_text(SPEC)
    files = {"config.json": "1" * 64, "model.safetensors": "2" * 64}
    config = CONFIG | changes
    pinned = ModelLock(
        asked="v1",
        revision="1" * 40,
        files=files,
        config=config,
        parameters=config_shape(config).parameters,
        dtype="float32",
    )
    write_lock(spec, Lock(models={"a/b@v1": pinned}))
    found = compile_file(spec)
    assert not found.report.failed, found.report.diagnostics
    (imported,) = (step for step in expand(found.experiments[0], Rates()).steps if step.op == "import")
    assert imported.execution["stackable"] is stackable
