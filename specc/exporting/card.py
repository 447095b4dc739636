"""The README.md of an exported checkpoint: where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from specc.canonical import canonical_json
from specc.exporting.lineage import Lineage
from specc.store import Manifest
from specc.words import count


def model_card(
    name: str,
    lineage: Lineage,
    dtype: str,
    with_tokenizer: bool = True,
    arms: Iterable[str] = (),
    settings: Mapping[str, str] | None = None,
    spec: str = "",
) -> str:
    """The card in Markdown, with the metadata of the hub before it.

    Args:
        name: readable name of the step. with_tokenizer: whether one lies beside the weights.
        arms: labels of the arms that it belongs to.
        settings: resolved settings of its stage, where the recipe's run is known. spec: path of the recipe.
    """
    step = lineage.steps[0]
    parts = [_metadata(lineage), f"# {name}\n", _summary(step, lineage, dtype), _loading(with_tokenizer)]
    if lineage.trained:
        parts.append(_tokens(lineage))
    parts.append(_provenance(step, lineage, tuple(arms), settings or {}, spec))
    return "\n".join(parts)


def _metadata(lineage: Lineage) -> str:
    lines = ["---", "library_name: transformers", "pipeline_tag: text-generation", "tags:", "- specc"]
    origins = (step.outputs.get("origin", "") for step in lineage.beginnings)
    repositories = [origin.partition("@")[0] for origin in origins if origin]
    if repositories:
        lines += ["base_model:", *(f"- {json.dumps(each)}" for each in repositories)]
    return "\n".join([*lines, "---", ""])


def _summary(step: Manifest, lineage: Lineage, dtype: str) -> str:
    began = {"init": "initialised at random", "import": "an imported checkpoint"}
    origin = " and ".join(dict.fromkeys(began[each.op] for each in lineage.beginnings)) or "unknown"
    tokens = int(step.outputs.get("lineage_tokens", 0))
    return (
        f"A model of {step.outputs['parameters']:,} parameters, weights in {dtype}. It began as {origin} and "
        f"was trained on {count(tokens, 'token')} by [specc](https://pypi.org/project/specc/).\n"
    )


def _loading(with_tokenizer: bool) -> str:
    model = 'model = AutoModelForCausalLM.from_pretrained(".")'
    if not with_tokenizer:
        head = "It has read token ids that were made elsewhere; a tokenizer is not here.\n\n"
        return f"{head}```python\nfrom transformers import AutoModelForCausalLM\n\n{model}\n```\n"
    return (
        "```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f'{model}\ntokenizer = AutoTokenizer.from_pretrained(".")\n```\n'
    )


def _tokens(lineage: Lineage) -> str:
    """Tokens by stage and corpus, in the order of training."""
    lines = ["## What it was trained on\n", "| stage | corpus | tokens |", "|---|---|--:|"]
    for step in reversed(lineage.trained):
        stage = step.label.rpartition("/")[2]
        found: dict[str, int] = {}
        for corpus, _, tokens in lineage.corpora(step):
            found[corpus] = found.get(corpus, 0) + tokens
        lines += [f"| {_cell(stage)} | {_cell(corpus)} | {tokens:,} |" for corpus, tokens in found.items()]
    return "\n".join(lines) + "\n"


def _provenance(
    step: Manifest, lineage: Lineage, arms: tuple[str, ...], settings: Mapping[str, str], spec: str
) -> str:
    made = step.provenance
    versions = ", ".join(f"{package} {version}" for package, version in sorted(made.versions.items()))
    rows = {
        "step": f"`{step.key}`",
        "name": _cell(step.label),
        "recipe": f"`{spec}`" if spec else "",
        "arms": ", ".join(f"`{arm}`" for arm in arms),
        "loss at the end": f"{step.outputs['loss']:.4f}" if step.outputs.get("loss") is not None else "",
        "device": made.device,
        "versions": versions,
        "made": made.started,
    }
    lines = ["## Where it comes from\n", "| | |", "|---|---|"]
    lines += [f"| {what} | {value} |" for what, value in rows.items() if value]
    lines += [f"| {_cell(what)} | {_cell(str(value))} |" for what, value in settings.items()]
    origins = [step.outputs["origin"] for step in lineage.beginnings if step.outputs.get("origin")]
    lines += [f"| began as | {_cell(origin)} |" for origin in origins]
    for began in lineage.beginnings:
        lines.append(f"| {began.op} | `{_cell(canonical_json(began.identity))}` |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
