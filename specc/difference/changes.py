"""Differences of two recipes that make no step new, and their budgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from specc.difference.causes import NEW, Found
from specc.difference.match import Pairs, Side, settings_pairs
from specc.difference.result import Budget, Change, Variant
from specc.graph.axes import axis_text, points_text
from specc.study import Cell, Study


def other_changes(pairs: Pairs, found: Found) -> list[Change]:
    """What is different beside the causes of new steps: names, arms that are gone, queries, expectations."""
    before, after = pairs.first.study, pairs.second.study
    changes = _names(before, after)
    changes += [_change("stage", new, "name", old, new) for new, old in pairs.stages.items() if new != old]
    told = {(cause.kind, cause.subject) for cause in found.causes.values()}
    changes += [_change("stage", name, "gone", name, "") for name in _lost(pairs)]
    changes += _axes(before, after, told)
    evals = ({measure.eval for measure in study.measures} for study in (before, after))
    gone, new = next(evals), next(evals)
    changes += [_change("eval", name, "gone", name, "") for name in sorted(gone - new)]
    changes += [
        _change("eval", name, NEW, "", name) for name in sorted(new - gone) if ("eval", name) not in told
    ]
    changes += _settings(pairs, found)
    for kind, olds, news in (
        ("compare", _queries(before), _queries(after)),
        ("expect", _expectations(before), _expectations(after)),
    ):
        for name in dict.fromkeys((*olds, *news)):
            if name not in news:
                changes.append(_change(kind, name, "gone", name, ""))
            elif name not in olds:
                changes.append(_change(kind, name, NEW, "", name))
            elif olds[name] != news[name]:
                changes.append(_change(kind, name, "text", olds[name], news[name]))
    return changes


def _change(kind: str, subject: str, name: str, before: str, after: str) -> Change:
    variant = Variant(before=before, after=after, arms=0, points="")
    return Change(kind=kind, subject=subject, name=name, variants=(variant,))


def _names(before: Study, after: Study) -> list[Change]:
    found = []
    if before.experiment != after.experiment:
        found.append(_change("experiment", after.experiment, "name", before.experiment, after.experiment))
    if before.description != after.description:
        found.append(
            _change("experiment", after.experiment, "description", before.description, after.description)
        )
    return found


def _lost(pairs: Pairs) -> list[str]:
    kept = set(pairs.stages.values())
    return [name for name in pairs.first.stages if name not in kept]


def _axes(before: Study, after: Study, told: set[tuple[str, str]]) -> list[Change]:
    """Axes, values, seeds and recipes that are gone; new ones that make no step new."""
    found = []
    olds = {axis.name: axis for axis in before.axes}
    news = {axis.name: axis for axis in after.axes}
    for name in dict.fromkeys((*olds, *news)):
        texts = [
            [axis_text(value, side[name].type) for value in side[name].values] if name in side else []
            for side in (olds, news)
        ]
        gone = [text for text in texts[0] if text not in texts[1]]
        new = [text for text in texts[1] if text not in texts[0]]
        if gone:
            found.append(_change("arms", name, "gone", ", ".join(gone), ""))
        if new and ("arms", name) not in told:
            found.append(_change("arms", name, NEW, "", ", ".join(new)))
    gone_seeds = [str(seed) for seed in before.seeds if seed not in after.seeds]
    new_seeds = [str(seed) for seed in after.seeds if seed not in before.seeds]
    if gone_seeds:
        found.append(_change("arms", "seeds", "gone", ", ".join(gone_seeds), ""))
    if new_seeds and ("arms", "seeds") not in told:
        found.append(_change("arms", "seeds", NEW, "", ", ".join(new_seeds)))
    recipes = [list(dict.fromkeys(arm.recipe for arm in study.arms)) for study in (before, after)]
    found += [_change("arms", "recipe", "gone", name, "") for name in recipes[0] if name not in recipes[1]]
    return found


def _settings(pairs: Pairs, found: Found) -> list[Change]:
    """Settings that differ and make no step new."""
    variants: dict[tuple[str, str], dict[tuple[str, str], set[int]]] = {}
    known: dict[tuple[int, int], dict[str, tuple[str, str]]] = {}
    causes = {
        (stage, cause.name)
        for cause in found.causes.values()
        if cause.kind == "stage"
        for stage in (cause.subject, *cause.also)
    }
    models = any(cause.kind in ("init", "import") for cause in found.causes.values())
    for run in pairs.second.study.stages:
        old = pairs.stages.get(run.stage)
        was = pairs.first.runs.get((pairs.arms.get(run.arm, -1), old or ""))
        if was is None:
            continue
        place = (id(was.settings), id(run.settings))
        if place not in known:
            known[place] = settings_pairs(was.settings, run.settings)
        for name, pair in known[place].items():
            told = (run.stage, name) in causes or (models and name.startswith("model"))
            if not told:
                variants.setdefault((run.stage, name), {}).setdefault(pair, set()).add(run.arm)
    return [
        Change(kind="stage", subject=stage, name=name, variants=shown_variants(pairs.second, pairs_of))
        for (stage, name), pairs_of in variants.items()
    ]


def shown_variants(side: Side, variants: Mapping[tuple[str, str], Iterable[int]]) -> tuple[Variant, ...]:
    """Variants with the arms that they hold in."""
    found = []
    for (before, after), arms in variants.items():
        chosen = set(arms)
        points = points_text(side.study, chosen) if chosen else ""
        found.append(Variant(before=before, after=after, arms=len(chosen), points=points))
    return tuple(found)


def _queries(study: Study) -> dict[str, str]:
    return {each.name: each.sql for each in study.comparisons}


def _expectations(study: Study) -> dict[str, str]:
    """Expectations by name; those that only have a number by what they say, for numbers shift."""
    return {
        each.text if each.name.startswith("expect_") and each.text else each.name: each.text or each.sql
        for each in study.expectations
    }


def _tokens(cells: Iterable[Cell]) -> dict[str, int]:
    """Tokens as declared of each corpus in a stage, what is read again apart."""
    found: dict[str, int] = {}
    for cell in cells:
        found[cell.title] = found.get(cell.title, 0) + cell.nominal
    return found


def budgets_of(pairs: Pairs) -> list[Budget]:
    """Tokens as declared that differ between arms and their counterparts: by stage and corpus, and in all."""
    variants: dict[tuple[str, str], dict[tuple[int, int], set[int]]] = {}
    stages = list(pairs.second.stages)
    for arm, old_arm in pairs.arms.items():
        whole = [0, 0]
        for stage in stages:
            olds = pairs.first.cells.get((old_arm, pairs.stages.get(stage, stage)), ())
            news = pairs.second.cells.get((arm, stage), ())
            before, after = _tokens(olds), _tokens(news)
            for corpus in dict.fromkeys((*before, *after)):
                pair = (before.get(corpus, 0), after.get(corpus, 0))
                if pair[0] != pair[1]:
                    variants.setdefault((stage, corpus), {}).setdefault(pair, set()).add(arm)
            sums = (sum(before.values()), sum(after.values()))
            whole = [whole[0] + sums[0], whole[1] + sums[1]]
            if sums[0] != sums[1] and len(before | after) > 1:
                variants.setdefault((stage, ""), {}).setdefault(sums, set()).add(arm)
        for stage in _lost(pairs):
            for title, tokens in _tokens(pairs.first.cells.get((old_arm, stage), ())).items():
                whole[0] += tokens
                variants.setdefault((stage, title), {}).setdefault((tokens, 0), set()).add(arm)
        if whole[0] != whole[1]:
            variants.setdefault(("", ""), {}).setdefault((whole[0], whole[1]), set()).add(arm)
    order = {stage: number for number, stage in enumerate([*stages, *_lost(pairs), ""])}
    study = pairs.second.study
    return [
        Budget(
            stage=stage,
            corpus=corpus,
            before=before,
            after=after,
            arms=len(arms),
            points=points_text(study, arms),
        )
        for (stage, corpus), pairs_of in sorted(variants.items(), key=lambda item: order[item[0][0]])
        for (before, after), arms in pairs_of.items()
    ]
