"""The signatures of an exported function: named tensors in, named tensors out."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.errors import InputError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Input
from deeplift_tf.scoring.attribution import Plan
from deeplift_tf.scoring.fixed_at_input import dtypes_in, fixed_at_input
from deeplift_tf.scoring.score import Score
from deeplift_tf.scoring.target_layer import resolve_target
from deeplift_tf.serving.baked import baked_in
from deeplift_tf.serving.served_target import ServedTarget, asked_of_value


class Wanted(NamedTuple):
    """What is exported; see `export`."""

    references: Any = None
    target: Any = None
    output: str | None = None
    pre_activation: bool = False
    mean_normalised: bool = False
    hypothetical: bool = False
    letters_axis: int = -1


def tensor_name(name: str) -> str:
    """Return a name as signatures can hold it: letters, digits and underscores, a letter first."""
    safe = re.sub(r"\W", "_", name, flags=re.ASCII)
    return safe if re.match(r"[A-Za-z]", safe) else f"input_{safe.lstrip('_')}"


def score_signature(score: Score, wanted: Wanted) -> Any:
    """Return the function of `score` and `serving_default`, traced: a dict of tensors to a dict of tensors."""
    inputs, dtype = score.network.graph.inputs, score.network.dtype
    value = resolve_target(score.network.graph, wanted.output, wanted.pre_activation)
    asked = asked_of_value(wanted.target, value, score.network.graph, dtype)
    made = None if wanted.references is None else baked_in(wanted.references, inputs)
    plan = Plan(
        scored=score.scored,
        target=value.edge,
        selectors=asked.selectors,
        several_references=made is not None and any(part.shape[1] != 1 for part in made.structured_outputs),
        mean_normalised=wanted.mean_normalised,
        hypothetical=wanted.hypothetical,
        letters_axis=wanted.letters_axis,
        complete=any(node.rule.reference for node in score.network.graph.nodes),
    )
    given = [] if made is not None else _reference_names(inputs, _meets_references(score, plan))
    compiled = score.compiled(plan)

    def run(named: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        x = tuple(named[tensor_name(value.name)] for value in inputs)
        references = _from_request(named, x, given) if made is None else made(*x)
        if made is not None and not plan.several_references:
            references = tuple(part[:, 0] for part in references)
        weights = asked.weights(_rows_like(named["target"], x[0], "target") if asked.from_request else None)
        results = compiled(x, tuple(references), weights)
        count = tf.shape(references[0])[1] if plan.several_references else None
        return _named_results(score, plan, results, count)

    signature = _traced(run, _specs(inputs, given, asked))
    score.warn_of_held(score.compiled.notes(plan))
    return signature


def predict_signature(score: Score) -> Any:
    """Return the function of `predict`, traced: the model's inputs to its outputs, by their names."""
    network = score.network
    inputs, forward = network.graph.inputs, network.forward_function

    def run(named: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        outputs = forward(*(named[tensor_name(value.name)] for value in inputs))
        return {tensor_name(name): y for name, y in zip(network.output_names, outputs, strict=True)}

    return _traced(run, _specs(inputs))


def _specs(
    inputs: Sequence[Input], given: Sequence[str | None] = (), asked: ServedTarget | None = None
) -> list[tf.TensorSpec]:
    specs = [tf.TensorSpec(value.shape, value.dtype, tensor_name(value.name)) for value in inputs]
    for name, value in zip(given, inputs, strict=bool(given)):
        if name is not None:
            specs.append(tf.TensorSpec(value.shape, value.dtype, name))
    if asked is not None and asked.from_request:
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


def _meets_references(score: Score, plan: Plan) -> list[bool]:
    """Return which inputs take references: floats, and tokens whose embeddings are scored."""
    graph, found = score.network.graph, set[Edge]()
    if all(value.dtype.is_floating for value in graph.inputs):
        return [True] * len(graph.inputs)
    edges, nodes = tuple(value.edge for value in graph.inputs), graph.ancestors([plan.target, *plan.scored])

    def look(*x: tf.Tensor) -> tf.Tensor:
        values = propagation.forward(nodes, dict(zip(edges, x, strict=True)))
        found.update(fixed_at_input(edges, nodes, plan.scored, dtypes_in(values)).edges)
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
    parts = [part if name is None else _rows_like(named[name], part, name) for part, name in zip(x, given, strict=True)]
    if len(parts) == 1:
        return tuple(parts)
    rows = functools.reduce(tf.maximum, [tf.shape(part)[:1] for part in parts])
    return tuple(tf.broadcast_to(part, tf.concat([rows, tf.shape(part)[1:]], 0)) for part in parts)


def _rows_like(tensor: tf.Tensor, x: tf.Tensor, name: str) -> tf.Tensor:
    """Return a tensor, which fails when it has neither one row nor those of x."""
    rows, expected = tf.shape(tensor)[0], tf.shape(x)[0]
    message = [f"{name}: expected 1 row, or as many as the input has,", expected, "; received", rows]
    with tf.control_dependencies([tf.debugging.Assert((rows == 1) | (rows == expected), message)]):
        return tf.identity(tensor)


def _named_results(score: Score, plan: Plan, results: dict[str, Any], count: Any) -> dict[str, tf.Tensor]:
    """Return the results by their names in the signature, those of references averaged."""

    def mean(value: tf.Tensor) -> tf.Tensor:
        return value if count is None else value / tf.cast(count, value.dtype)

    found: dict[str, tf.Tensor] = {"outputs": results["outputs"]}
    for part in ("contributions", "multipliers", *(["hypothetical"] if plan.hypothetical else [])):
        values = score.named([mean(value) for value in results[part]], tf.concat)
        for name, value in values.items():
            found[f"{part}_{tensor_name(name)}" if len(values) > 1 else part] = value
    if plan.complete:
        found["reference_outputs"] = mean(results["reference_outputs"])
        if score.cuts(plan.target):
            found["delta"] = results["delta"]
    return found
