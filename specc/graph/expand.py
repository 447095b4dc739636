"""From a checked experiment to its arms and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from specc.analysis.arms import axis_value
from specc.analysis.checks import stage_flops
from specc.analysis.compile import CompiledExperiment, RecipeArms
from specc.analysis.corpora import Corpus
from specc.analysis.datasets import DataSet
from specc.analysis.ends import EarlyEnd
from specc.analysis.measures import EvalPlan, Mark, mark_of
from specc.analysis.models import Model
from specc.analysis.resolved import ResolvedPoint
from specc.analysis.selection import ArmPlan, arm_plans
from specc.analysis.tokenizers import TrainedTokenizer
from specc.analysis.values import StageValue, Value, show, spelled
from specc.analysis.weights import leaves
from specc.canonical import canonical_json
from specc.components import gradient_passes
from specc.flops import evaluation_flops_per_token, training_flops_per_token
from specc.graph.checkpoints import CheckpointSteps, Lineage
from specc.graph.cost import Rates
from specc.graph.states import Families, StageStates, corpus_role
from specc.shapes import ModelShape
from specc.steps import (
    RESUME,
    TRAINED,
    UNTIL,
    DataSetParams,
    EvalParams,
    Until,
    identity,
    step_key,
)
from specc.study import BASE, Arm, Cell, Evaluation, Measure, PlannedStep, StageRun, Study


def expand(compiled: CompiledExperiment, rates: Rates) -> Study:
    """All arms of an experiment and the distinct steps that they need."""
    return Expansion(compiled, rates).study()


class Expansion:
    """The arms of an experiment and their steps, as far as they are worked out."""

    def __init__(self, compiled: CompiledExperiment, rates: Rates) -> None:
        self.compiled = compiled
        self.rates = rates
        self.steps: dict[str, PlannedStep] = {}
        self.arms: list[Arm] = []
        self.cells: list[Cell] = []
        self.runs: list[StageRun] = []
        self.measures: list[Measure] = []
        self.evaluations: dict[tuple[str, str], Evaluation] = {}
        self._prepared: dict[int, str] = {}
        self._data_sets: dict[int, str] = {}
        self._initial: dict[tuple[int, int], str] = {}
        self._states: dict[tuple[int, int, str], StageStates] = {}
        self._families = Families()
        self._lineages: dict[tuple[int, int], Lineage] = {}
        self.checkpoints = CheckpointSteps(self, self._add_once, rates)
        self._cuts: dict[int, dict[str, list[int]]] = {}
        self._evals: dict[tuple[int, str, int], str] = {}
        self._eval_params: dict[tuple[int, int], tuple[dict[str, Any], str]] = {}
        self._eval_costs: dict[tuple[int, int, int], tuple[int, float, float]] = {}
        self._of_stage: dict[int, tuple[str, float, dict[str, Any]]] = {}
        self._resumable: list[tuple[str, StageStates, int]] = []
        self._axis_types = {axis.name: axis.type for axis in compiled.axes}

    def study(self) -> Study:
        for recipe in self.compiled.recipes:
            for plan in arm_plans(recipe.points, recipe.chooses):
                for seed in recipe.seeds:
                    self._arm(recipe, plan, seed)
        self._resume()
        compiled = self.compiled
        return Study(
            experiment=compiled.name,
            description=compiled.description,
            spec=compiled.spec,
            spec_digest=compiled.digest,
            axes=compiled.axes,
            seeds=tuple(dict.fromkeys(seed for recipe in compiled.recipes for seed in recipe.seeds)),
            arms=tuple(self.arms),
            cells=tuple(self.cells),
            stages=tuple(self.runs),
            measures=tuple(self.measures),
            evaluations=tuple(self.evaluations.values()),
            steps=tuple(self.steps.values()),
            comparisons=compiled.comparisons,
            expectations=compiled.expectations,
        )

    # ---- arms

    def label(self, recipe: RecipeArms, point: Mapping[str, Value | None], seed: int) -> str:
        """Readable name of an arm; an axis over which `best` has chosen is "best"."""
        parts = [f"{axis}={'best' if value is None else show(value)}" for axis, value in point.items()]
        named = [recipe.name] if len(self.compiled.recipes) > 1 or recipe.name != BASE else []
        return "/".join([self.compiled.name, *named, *parts, f"seed={seed}"])

    def _arm(self, recipe: RecipeArms, plan: ArmPlan, seed: int) -> None:
        number = len(self.arms)
        label = self.label(recipe, plan.point, seed)
        values = {
            axis: None if value is None else axis_value(value, self._axis_types[axis])
            for axis, value in plan.point.items()
        }
        self.arms.append(Arm(arm=number, recipe=recipe.name, axes=values, seed=seed, label=label))
        resolved = plan.resolved
        lineage = self.lineage(recipe, resolved, seed, label)
        lineage.label = label
        cuts = self._cut_points(resolved)
        for name in plan.stages:
            self._stage(lineage, name, number, cuts[name])
        for measured, marks in plan.measures:
            self._describe(measured)
            for mark in marks:
                self._measure(measured, mark, lineage, number, label)

    def lineage(self, recipe: RecipeArms, resolved: ResolvedPoint, seed: int, label: str = "") -> Lineage:
        """The stages of a point with a seed; kept where others may choose among them."""
        place = (id(resolved), seed)
        known = self._lineages.get(place)
        if known is None:
            known = Lineage(recipe, resolved, seed, label or self.label(recipe, resolved.point, seed))
            if recipe.chooses:
                self._lineages[place] = known
        return known

    def fill(self, lineage: Lineage, until: str) -> None:
        """Work out the stages of a lineage up to one, in order of declaration."""
        if until in lineage.states:
            return
        for name, stage in lineage.resolved.stages.items():
            if name in lineage.states:
                continue
            source = self.checkpoints.key(stage.settings.parent.value, lineage)
            lineage.sources[name] = source
            lineage.states[name] = self._stage_states(lineage, name, source) if stage.steps else source
            if name == until:
                return

    def _cut_points(self, resolved: ResolvedPoint) -> dict[str, list[int]]:
        """Training steps of each stage after which a state is asked for, or may be shared."""
        known = self._cuts.get(id(resolved))
        if known is not None:
            return known
        cuts: dict[str, set[int]] = {name: {stage.steps} for name, stage in resolved.stages.items()}
        asked = [leaf for stage in resolved.stages.values() for leaf in stage.settings.parent.stages]
        for name, stage in resolved.stages.items():
            for phase in stage.phases:
                if phase.shape == "constant" and phase.stop < stage.steps:
                    cuts[name].add(phase.stop)
            # Up to where a placed corpus begins, arms that differ in it are the same.
            cuts[name].update(reading.begins // stage.settings.batch for reading in stage.readings)
        for plan in resolved.evals:
            for mark in plan.marks:
                if mark.value is None:
                    cuts[mark.stage].add(mark.step)
                else:
                    asked += [leaf for leaf in leaves(mark.value) if isinstance(leaf, StageValue)]
        for leaf in asked:
            cuts[leaf.stage].add(mark_of(leaf, resolved.stages[leaf.stage]).step)
        for name, stage in resolved.stages.items():
            if stage.until is not None:
                # Nothing in it can be named, and what leads to its end is in one place.
                cuts[name] = {stage.steps}
        result = {name: sorted(steps - {0}) for name, steps in cuts.items()}
        self._cuts = {id(resolved): result}
        return result

    # ---- where lineages begin

    def _prepare(self, corpus: Corpus) -> str:
        known = self._prepared.get(id(corpus))
        if known is not None:
            return known
        params = corpus.params
        inputs = {} if corpus.trained is None else {TRAINED: self._tokenizer(corpus.trained)}
        key = step_key("prepare", identity(params), inputs)
        if key not in self.steps:
            parts = (corpus.facts.train, corpus.facts.held_out, *corpus.facts.splits.values())
            tokens = sum(part.tokens for part in parts)
            self._add(
                key,
                "prepare",
                inputs,
                params.model_dump(mode="json"),
                corpus.execution.model_dump(mode="json"),
                f"{self.compiled.name}/{corpus.name}",
                tokens=tokens,
                seconds=self.rates.prepare(tokens),
            )
        self._prepared[id(corpus)] = key
        return key

    def _tokenizer(self, tokenizer: TrainedTokenizer) -> str:
        """Key of the step that makes a tokenizer."""
        params = tokenizer.params
        key = step_key("tokenizer", identity(params), {})
        if key not in self.steps:
            self._add(
                key,
                "tokenizer",
                {},
                params.model_dump(mode="json"),
                tokenizer.execution.model_dump(mode="json"),
                f"{self.compiled.name}/{tokenizer.component.name}({tokenizer.component.args['vocab']})",
                seconds=self.rates.small_step,
            )
        return key

    def _data_set(self, data: DataSet) -> str:
        """Key of the step that makes a data set."""
        if data.component is None:
            return self._prepare(data.corpora[0])
        known = self._data_sets.get(id(data))
        if known is not None:
            return known
        inputs = {corpus_role(index): self._data_set(each) for index, each in enumerate(data.inputs)}
        references = (each.reference(corpus_role(index)) for index, each in enumerate(data.inputs))
        params = DataSetParams(component=data.component, data=tuple(references))
        key = step_key("dataset", identity(params), inputs)
        if key not in self.steps:
            tokens = data.facts.train.tokens
            of = ", ".join(dict.fromkeys(corpus.name for corpus in data.corpora))
            self._add(
                key,
                "dataset",
                inputs,
                params.model_dump(mode="json"),
                {},
                f"{self.compiled.name}/{data.value.name or f'{data.component.name}({of})'}",
                tokens=tokens,
                seconds=self.rates.prepare(tokens),
            )
        self._data_sets[id(data)] = key
        return key

    def initial(self, model: Model, seed: int) -> str:
        """Key of the step that makes a model's first checkpoint."""
        known = self._initial.get((id(model), seed))
        if known is not None:
            return known
        op, params, execution = model.step(seed)
        key = step_key(op, identity(params), {})
        if key not in self.steps:
            name = f"{self.compiled.name}/{model.value.signature.name}" + (
                f"/seed={seed}" if op == "init" else ""
            )
            self._add(
                key, op, {}, params.model_dump(mode="json"), execution, name, seconds=self.rates.small_step
            )
        self._initial[id(model), seed] = key
        return key

    # ---- stages

    def _stage(self, lineage: Lineage, name: str, arm: int, cuts: list[int]) -> None:
        """Add a stage of an arm, with what it reads and its states."""
        resolved = lineage.resolved
        stage = resolved.stages[name]
        self.fill(lineage, name)
        states = lineage.states[name]
        segments = () if isinstance(states, str) else tuple(self.state(states, step) for step in cuts)
        for index, reading in enumerate(stage.readings):
            self.cells.append(
                Cell(
                    arm=arm,
                    stage=name,
                    corpus=reading.corpus.name,
                    nominal=reading.nominal,
                    planned=reading.planned,
                    epochs=reading.planned / reading.corpus.facts.train.tokens,
                    role=corpus_role(index),
                    place=str(reading.place) if reading.place is not None else "",
                    replay_of=reading.replay_of,
                )
            )
        parent, flops, shown = self._same_in_all_arms(resolved, name)
        self.runs.append(
            StageRun(
                arm=arm,
                stage=name,
                parent=parent,
                steps=stage.steps,
                tokens=stage.tokens,
                flops=flops,
                segments=segments,
                ends=tuple(cuts),
                checkpoint=segments[-1] if segments else lineage.sources[name],
                settings=shown,
                until=str(stage.until) if stage.until is not None else "",
            )
        )

    def _same_in_all_arms(self, resolved: ResolvedPoint, name: str) -> tuple[str, float, dict[str, Any]]:
        """A stage's parent as text, its operations, and its settings for people; made once for a stage."""
        stage = resolved.stages[name]
        known = self._of_stage.get(id(stage))
        if known is None:
            model = resolved.models[name]
            settings = {
                "model": spelled(model.value),
                "parameters": model.shape.parameters,
                **stage.settings.shown(),
            }
            parent, flops = show(stage.settings.parent.value), float(stage_flops(name, resolved))
            known = self._of_stage[id(stage)] = (parent, flops, settings)
        return known

    def _stage_states(self, lineage: Lineage, name: str, parent: str) -> StageStates:
        resolved, seed = lineage.resolved, lineage.seed
        stage = resolved.stages[name]
        place = (id(stage), seed, parent)
        known = self._states.get(place)
        if known is not None:
            return known
        inputs = {"parent": parent}
        for index, reading in enumerate(stage.readings):
            inputs[corpus_role(index)] = self._data_set(reading.corpus)
        until = None
        if stage.until is not None:
            until = self._until(stage.until, stage.settings.sequence)
            inputs[UNTIL] = self._data_set(stage.until.plan.data)
        shape = resolved.models[name].shape
        run = self._families.stage_states(stage, shape, inputs, seed, f"{lineage.label}/{name}", until)
        self._states[place] = run
        return run

    def _until(self, end: EarlyEnd, sequence: int) -> Until:
        """What a train step is told of its early stop."""
        params, _ = self._evaluation_params(end.plan, sequence)
        return Until.model_validate(
            {
                "evaluator": params["evaluator"],
                "data": params["data"] | {"corpus": UNTIL},
                "better": end.better,
                "every": end.every,
                "patience": end.patience,
                "min_delta": end.min_delta,
                "restore": end.restore,
                "least": end.least,
            }
        )

    def _state(self, run: StageStates, step: int) -> str:
        """Key of the state after `step` training steps."""
        known = run.keys.get(step)
        if known is not None:
            return known
        state = run.state(step)
        key = state.key
        if key not in self.steps:
            end = "" if step == run.stage.steps else f"@{step} steps"
            self._add(key, "train", state.inputs, run.params | state.own, {}, run.label + end)
            if run.stage.until is None:
                run.family.add(step, run.course(step), key)
            self._resumable.append((key, run, step))
        run.keys[step] = key
        return key

    def state(self, states: StageStates | str, step: int) -> str:
        """Key of the state of a stage after some training steps; of its parent if it has no tokens."""
        return states if isinstance(states, str) else self._state(states, step)

    def _resume(self) -> None:
        """For each state, the latest earlier one that it can go on from, and what is left to do."""
        for key, run, step in self._resumable:
            # The state at an early end is none that others go on from, nor goes on from others.
            until = run.stage.until
            first, before = run.family.latest_before(step, run) if until is None else (0, None)
            planned = self.steps[key]
            settings = run.stage.settings
            tokens = (step - first) * settings.step_tokens
            passes, frozen = gradient_passes(settings.optimizer), settings.adapter is not None
            flops = float(passes * training_flops_per_token(run.shape, settings.sequence, frozen) * tokens)
            if until is not None:
                flops += until.marks(step) * self._evaluation_flops(until.plan, settings.sequence, run.shape)
            self.steps[key] = replace(
                planned,
                inputs=planned.inputs | {RESUME: before} if before else planned.inputs,
                tokens=tokens,
                flops=flops,
                seconds=self.rates.train(flops, run.shape.non_embedding) + self.rates.small_step,
            )

    # ---- evaluations

    def _measure(self, plan: EvalPlan, mark: Mark, lineage: Lineage, arm: int, label: str) -> None:
        tokens = 0
        if mark.value is None:
            resolved = lineage.resolved
            settings = resolved.stages[mark.stage].settings
            model, sequence = resolved.models[mark.stage], settings.sequence
            tokens = mark.step * settings.step_tokens
            self.fill(lineage, mark.stage)
            checkpoint = self.state(lineage.states[mark.stage], mark.step)
        else:
            assert mark.model is not None
            model, sequence = mark.model, mark.sequence
            checkpoint = self.checkpoints.key(mark.value, lineage)
        key = self.evaluation(plan, sequence, model, checkpoint, f"{label}/{mark.stage}/{plan.name}")
        self.measures.append(
            Measure(
                arm=arm,
                eval=plan.name,
                metric=plan.metric,
                stage=mark.stage,
                position=mark.position,
                steps=mark.step,
                tokens=tokens,
                key=key,
            )
        )

    def _describe(self, plan: EvalPlan) -> None:
        """Tell once what the numbers of an evaluation are."""
        place = (plan.name, plan.metric)
        if place not in self.evaluations:
            signature = plan.signature
            self.evaluations[place] = Evaluation(
                eval=plan.name,
                metric=plan.metric,
                unit=signature.unit,
                better=signature.better,  # type: ignore[arg-type]  # checked to be one of the three
            )

    def evaluation(self, plan: EvalPlan, sequence: int, model: Model, checkpoint: str, label: str) -> str:
        """Key of the step that measures a checkpoint."""
        place = (id(plan), checkpoint, sequence)
        known = self._evals.get(place)
        if known is None:
            known = self._evals[place] = self._evaluation(plan, sequence, model, checkpoint, label)
        return known

    def _evaluation(self, plan: EvalPlan, sequence: int, model: Model, checkpoint: str, label: str) -> str:
        shape = model.shape
        params, of_key = self._evaluation_params(plan, sequence)
        inputs = {"checkpoint": checkpoint, "corpus0": self._data_set(plan.data)}
        key = step_key("eval", of_key, inputs)
        if key not in self.steps:
            place = (id(plan), sequence, id(shape))
            cost = self._eval_costs.get(place)
            if cost is None:
                flops = self._evaluation_flops(plan, sequence, shape)
                seconds = self.rates.train(flops, shape.non_embedding) + self.rates.small_step
                cost = self._eval_costs[place] = (_measured_tokens(plan), flops, seconds)
            tokens, flops, seconds = cost
            self._add(
                key,
                "eval",
                inputs,
                params,
                {},
                label,
                tokens=tokens,
                flops=flops,
                seconds=seconds,
            )
        return key

    def _evaluation_flops(self, plan: EvalPlan, sequence: int, shape: ModelShape) -> float:
        return float(evaluation_flops_per_token(shape, sequence) * _measured_tokens(plan))

    def _evaluation_params(self, plan: EvalPlan, sequence: int) -> tuple[dict[str, Any], str]:
        """Parameters of an evaluation and what of them enters the key, as text; shared by all its steps."""
        place = (id(plan), sequence)
        known = self._eval_params.get(place)
        if known is None:
            data = plan.data.reference("corpus0")
            params = EvalParams(evaluator=plan.component, data=data, sequence=sequence)
            of_key = canonical_json(identity(params))
            known = self._eval_params[place] = (params.model_dump(mode="json"), of_key)
        return known

    def _add_once(
        self,
        key: str,
        op: str,
        inputs: dict[str, str],
        params: dict[str, Any],
        execution: dict[str, Any],
        label: str,
        seconds: float,
    ) -> None:
        if key not in self.steps:
            self._add(key, op, inputs, params, execution, label, seconds=seconds)

    def _add(
        self,
        key: str,
        op: str,
        inputs: dict[str, str],
        params: dict[str, Any],
        execution: dict[str, Any],
        label: str,
        tokens: int = 0,
        flops: float = 0.0,
        seconds: float = 0.0,
    ) -> None:
        self.steps[key] = PlannedStep(
            key=key,
            op=op,
            inputs=inputs,
            params=params,
            execution=execution,
            label=label,
            tokens=tokens,
            flops=flops,
            seconds=seconds,
        )


def _measured_tokens(plan: EvalPlan) -> int:
    """Tokens of the documents that an evaluation measures."""
    return plan.data.facts.train.tokens
