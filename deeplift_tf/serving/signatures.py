"""The signatures of an exported function: named tensors in, named tensors out."""

from __future__ import annotations

import functools
from collections.abc import Sequence, Sized
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.errors import InputError, TargetError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Input
from deeplift_tf.scoring.attribution import Plan
from deeplift_tf.scoring.fixed_at_input import dtypes_in, fixed_at_input
from deeplift_tf.scoring.score import Score
from deeplift_tf.serving.baked import baked_in
from deeplift_tf.serving.explained import Explained, explained
from deeplift_tf.serving.naming import tensor_name
from deeplift_tf.serving.rows import at_least_one, cut_to, narrowed, rows_like
from deeplift_tf.serving.served_method import ServedMethod

NO_SUMS = ("outputs", "delta")
"""Results that are not summed over references."""


class Wanted(NamedTuple):
    """What is exported; see `export`."""

    references: Any = None
    target: Any = None
    targets: Sequence[Any] | None = None
    output: str | Sequence[str | None] | None = None
    method: ServedMethod = ServedMethod()
    pre_activation: bool = False
    mean_normalised: bool = False
    hypothetical: bool = False
    letters_axis: int = -1

    def explained(self, score: Score) -> list[Explained]:
        """Return the targets, grouped by the value that they lie in.

        Raises
        ------
        TargetError, LayerNameError
            If a target does not fit, or there are not as many outputs.
        """
        if self.targets is not None and (self.target is not None or not len(self.targets)):
            raise TargetError("give either target= or targets=, and at least one of those")
        targets = [self.target] if self.targets is None else [*self.targets]
        one = self.output is None or isinstance(self.output, str)
        outputs: list[Any] = [self.output] * len(targets) if one else [*(self.output or ())]
        if len(outputs) != len(targets):
            raise TargetError(f"output: expected one for each of {len(targets)} targets; received {len(outputs)}")
        return explained(score.network.graph, targets, outputs, self.pre_activation, score.network.dtype)


def score_signature(score: Score, wanted: Wanted) -> tuple[Any, Any]:
    """Return the function of `score`, traced, a dict of tensors to one, and that of `score_int64`, if there is one."""
    inputs, method = score.network.graph.inputs, wanted.method
    groups = wanted.explained(score)
    complete = any(node.rule.reference for node in score.network.graph.nodes) or method.places is not None
    reads = complete or method.multiply_by_inputs or wanted.hypothetical
    baked = wanted.references if reads else 0
    made = None if baked is None else baked_in(baked, inputs)
    several = made is not None and any(part.shape[1] != 1 for part in made.structured_outputs)
    plans = [_plan(score, wanted, each, several, complete) for each in groups]
    given = [] if made is not None else _reference_names(inputs, _meets_references(score, plans))
    functions = [method.compiled(score, plan) for plan in plans]
    with_index = any(each.from_request for each in groups)

    def run(asked: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        named = at_least_one(asked, tensor_name(inputs[0].name))
        x = tuple(named[tensor_name(value.name)] for value in inputs)
        references = _from_request(named, x, given) if made is None else made(*x)
        index = rows_like(named["target"], x[0], "target") if with_index else None
        found = {}
        for group, plan, function in zip(groups, plans, functions, strict=True):
            results = function(x, _shaped(references, plan, made is not None), _weights(group, plan, index))
            count = tf.shape(references[0])[1] if several else None
            for place, part in zip(
                group.places, _by_target(results, count, plan.several_targets, len(group.asked)), strict=True
            ):
                found[place] = _named_results(score, plan, method, part)
        joined = _joined([found[place] for place in sorted(found)], wanted.targets is not None)
        return cut_to(joined, tf.shape(asked[tensor_name(inputs[0].name)])[0])

    signature = _traced(run, _specs(inputs, given, with_index))
    score.warn_of_held([*dict.fromkeys(note for plan in plans for note in score.compiled.notes(plan))])
    return signature, _with_wide_index(signature) if with_index else None


def _with_wide_index(signature: Any) -> Any:
    """Return the signature of `score` with indices of 64 bits, as clients in other languages have them."""
    specs = signature.structured_input_signature[0][0]

    def run(named: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return signature({**named, "target": narrowed(named["target"])})

    wide = tf.TensorSpec([None], tf.int64, "target")
    return _traced(run, [wide if name == "target" else spec for name, spec in specs.items()])


def predict_signature(score: Score) -> Any:
    """Return the function of `predict`, traced: the model's inputs to its outputs, by their names."""
    network = score.network
    inputs, forward = network.graph.inputs, network.forward_function

    def run(asked: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        named = at_least_one(asked, tensor_name(inputs[0].name))
        outputs = forward(*(named[tensor_name(value.name)] for value in inputs))
        found = {tensor_name(name): y for name, y in zip(network.output_names, outputs, strict=True)}
        return cut_to(found, tf.shape(asked[tensor_name(inputs[0].name)])[0])

    return _traced(run, _specs(inputs))


def _specs(inputs: Sequence[Input], given: Sequence[str | None] = (), with_index: bool = False) -> list[tf.TensorSpec]:
    specs = [tf.TensorSpec(value.shape, value.dtype, tensor_name(value.name)) for value in inputs]
    for name, value in zip(given, inputs, strict=bool(given)):
        if name is not None:
            specs.append(tf.TensorSpec(value.shape, value.dtype, name))
    if with_index:
        specs.append(tf.TensorSpec([None], tf.int32, "target"))
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"export: the signature would have two arguments named {', '.join(twice)}; rename the model's inputs, or "
            "bake in references and target"
        )
    return specs


def _traced(run: Any, specs: Sequence[tf.TensorSpec]) -> Any:
    return tf.function(run, autograph=False).get_concrete_function({spec.name: spec for spec in specs})


def _meets_references(score: Score, plans: Sequence[Plan]) -> list[bool]:
    """Return which inputs take references: floats, and tokens whose embeddings are scored."""
    graph, found = score.network.graph, set[Edge]()
    if all(value.dtype.is_floating for value in graph.inputs):
        return [True] * len(graph.inputs)
    edges, nodes = (
        tuple(value.edge for value in graph.inputs),
        graph.ancestors([*(plan.target for plan in plans), *score.scored]),
    )

    def look(*x: tf.Tensor) -> tf.Tensor:
        values = propagation.forward(nodes, dict(zip(edges, x, strict=True)))
        found.update(fixed_at_input(edges, nodes, score.scored, dtypes_in(values)).edges)
        return tf.zeros([])

    specs = [tf.TensorSpec(value.shape, value.dtype) for value in graph.inputs]
    tf.function(look, input_signature=specs, autograph=False).get_concrete_function()
    return [edge not in found for edge in edges]


def _reference_names(inputs: Sequence[Input], meets: Sequence[bool]) -> list[str | None]:
    names = (
        [f"references_{tensor_name(value.name)}" for value in inputs]
        if sum(meets) > 1
        else ["references"] * len(inputs)
    )
    return [name if meet else None for name, meet in zip(names, meets, strict=True)]


def _from_request(
    named: dict[str, tf.Tensor], x: Sequence[tf.Tensor], given: Sequence[str | None]
) -> tuple[tf.Tensor, ...]:
    """Return the references of a request, each as many rows; an input that takes none is its own reference."""
    parts = [part if name is None else rows_like(named[name], part, name) for part, name in zip(x, given, strict=True)]
    if len(parts) == 1:
        return tuple(parts)
    rows = functools.reduce(tf.maximum, [tf.shape(part)[:1] for part in parts])
    return tuple(tf.broadcast_to(part, tf.concat([rows, tf.shape(part)[1:]], 0)) for part in parts)


def _plan(score: Score, wanted: Wanted, group: Explained, several_references: bool, complete: bool) -> Plan:
    along = wanted.method.places is not None  # whose function always has an axis of references and one of targets
    several = len(group.asked) > 1 or along
    chosen = group.selectors if along or any(group.selectors) else ()
    return Plan(
        scored=score.scored,
        target=group.edge,
        selectors=chosen,
        several_references=several_references or along,
        several_targets=several,
        mean_normalised=wanted.mean_normalised,
        hypothetical=wanted.hypothetical,
        letters_axis=wanted.letters_axis,
        complete=complete,
    )


def _shaped(references: Sequence[tf.Tensor], plan: Plan, with_axis: bool) -> tuple[tf.Tensor, ...]:
    """Return references with an axis of several where the plan has one, without where it has none."""
    if with_axis == plan.several_references:
        return tuple(references)
    return tuple(part[:, 0] if with_axis else part[:, None] for part in references)


def _weights(group: Explained, plan: Plan, index: tf.Tensor | None) -> tf.Tensor:
    weights = group.weights(index)
    return weights if plan.several_targets else weights[0]


def _by_target(results: dict[str, Any], count: Any, several: bool, targets: int) -> list[dict[str, Any]]:
    """Return the results of each target, the sums over references as means."""

    def of(place: int | None) -> dict[str, Any]:
        return {name: _part(value, place, None if name in NO_SUMS else count) for name, value in results.items()}

    return [of(place if several else None) for place in range(targets)]


def _part(value: Any, place: int | None, count: Any) -> Any:
    """Return what a result holds of a target, divided by a count."""
    if isinstance(value, (list, tuple)):
        return [_part(part, place, count) for part in value]
    chosen = value if place is None else value[place]
    return chosen if count is None else chosen / tf.cast(count, chosen.dtype)


def _joined(parts: Sequence[dict[str, tf.Tensor]], several: bool) -> dict[str, tf.Tensor]:
    """Return the results of all targets, side by side after the axis of rows; what one of them lacks is left out."""
    if not several:
        return parts[0]
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: tf.stack([part[name] for part in parts], 1) for name in names}


def _named_results(score: Score, plan: Plan, method: ServedMethod, results: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Return the results of a target by their names in the signature."""
    found: dict[str, tf.Tensor] = {"outputs": results["outputs"]}
    if not method.multiply_by_inputs:
        results = {**results, "contributions": results["multipliers"]}
    for part in ("contributions", "multipliers", *(["hypothetical"] if plan.hypothetical else [])):
        values = score.named(results[part], tf.concat)
        for name, value in values.items():
            found[_result_name(part, name, values)] = value
            if part == "contributions" and name in _of_tokens(score):
                found[_result_name("per_token", name, values)] = tf.reduce_sum(value, -1)
    if plan.complete:
        found["reference_outputs"] = results["reference_outputs"]
        if score.cuts(plan.target) and method.multiply_by_inputs:
            found["delta"] = results["delta"]
    return found


def _result_name(part: str, name: str, values: Sized) -> str:
    return f"{part}_{tensor_name(name)}" if len(values) > 1 else part


def _of_tokens(score: Score) -> set[str]:
    """Return the names of the inputs of which floats are scored that were computed from them."""
    return set() if score.layers else {v.name for v in score.network.graph.inputs if not v.dtype.is_floating}
