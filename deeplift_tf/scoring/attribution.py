"""The compiled function: forward passes for examples and references, and one backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.errors import TargetError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph, Node
from deeplift_tf.graph.passes.ties import settle_ties
from deeplift_tf.graph.passes.xla import with_kernels
from deeplift_tf.rules.multipliers import Difference, Multipliers, Pairing, collapse
from deeplift_tf.rules.tensors import shape_of
from deeplift_tf.scoring.fixed_at_input import described, dtypes_in, fixed_at_input, of_x, with_given_of_x
from deeplift_tf.scoring.targets import Selector, predicted_classes, selected
from deeplift_tf.sequences.letters import from_the_end


class Plan(NamedTuple):
    """What a compiled function computes. Everything here is fixed when it is traced.

    Attributes
    ----------
    scored : tuple of Edge
        The values whose contributions are returned.
    target : Edge
        The value that the contributions sum to.
    selectors : tuple of callable or None
        For each target a function from the outputs of x to its weights; None if the weights are an argument.
    several_references, several_targets : bool
        Whether R or K may differ from one.
    mean_normalised : bool
        Whether weights lose their mean over the last axis of the output.
    hypothetical : bool
        Whether hypothetical contributions are returned too.
    letters_axis : int
        The axis of the scored values that holds the letters; for hypothetical contributions.
    complete : bool
        Whether the reference pass runs up to the target, and the contributions are compared with the difference.
        Under rules without a reference the two may disagree, and the pass is not needed.
    known_references : bool
        Whether the compiled function also takes the results of `compile_references`.
    known_values : bool
        Whether it also takes the activations of x, if these were computed already to choose the weights.
    jit_compile : bool
        Whether the arithmetic of activations is compiled by XLA.
    """

    scored: tuple[Edge, ...]
    target: Edge
    selectors: tuple[Selector | None, ...] = (None,)
    several_references: bool = False
    several_targets: bool = False
    mean_normalised: bool = False
    hypothetical: bool = False
    letters_axis: int = -1
    complete: bool = True
    known_references: bool = False
    known_values: bool = False
    jit_compile: bool = False


def compile_plan(
    graph: Graph,
    plan: Plan,
    dtype: tf.DType,
    known: Sequence[tf.Tensor] = (),
    values: Sequence[tf.Tensor] = (),
    notes: list[str] | None = None,
) -> Any:
    """Return the function (x, references, weights) -> results as a `tf.function` with one signature.

    Parameters
    ----------
    graph : Graph
    plan : Plan
    dtype : tf.DType
    known : sequence of tf.Tensor
        Results of `compile_references`, for shapes and dtypes, with `known_references`.
    values : sequence of tf.Tensor
        Results of `compile_values`, for shapes and dtypes, with `known_values`.
    notes : list of str, optional
        Receives the names of values fixed at x when the function is traced.

    Returns
    -------
    tf.function
        Its arguments: tuples of x, shape (N, ...), and of references, shape (1 or N, R, ...) or, for a single one,
        (1 or N, ...), one for each input; weights, shape (K, 1 or N, ...) or (1 or N, ...); and with
        `known_references` the tuple that `compile_references` makes of the references, with `known_values` that of
        `compile_values` of x. Its results: a dict of
        `contributions`, `multipliers` and `hypothetical` for each scored value, shape (K, N, ...), each the sum over
        references, and `outputs`, shape (K, N); with `complete` also `reference_outputs` (the sum over references) and
        `delta` (the worst of them).
    """
    x = tuple(tf.TensorSpec(value.shape, value.dtype) for value in graph.inputs)
    output = graph.shape(plan.target)[1:]
    several = [None] if plan.several_targets else []
    weights = tf.TensorSpec([*several, None, *output], dtype)
    signature = (x, reference_signature(graph, plan), weights)
    graph = with_kernels(graph) if plan.jit_compile else graph

    further = [each for each, taken in ((known, plan.known_references), (values, plan.known_values)) if taken]

    def attribute(x: Any, references: Any, weights: Any, *further: Any) -> dict[str, Any]:
        left = list(further)
        known = left.pop(0) if plan.known_references else ()
        attribution = Attribution(graph, plan, known=known, values=left.pop() if left else ())
        results = attribution.run(x, references, weights)
        if notes is not None:
            notes[:] = attribution.notes
        return results

    specs = (tuple(tf.TensorSpec(y.shape, y.dtype) for y in each) for each in further)
    return tf.function(attribute, input_signature=(*signature, *specs), autograph=False)


def reference_signature(graph: Graph, plan: Plan) -> tuple[tf.TensorSpec, ...]:
    """Return shapes and dtypes of the references, one for each input."""
    lead = [None] if plan.several_references else []
    return tuple(tf.TensorSpec([None, *lead, *value.shape[1:]], value.dtype) for value in graph.inputs)


def compile_references(graph: Graph, plan: Plan) -> Any:
    """Return the function references -> their activations, for references that all rows share.

    Lets shared references be evaluated once for all batches, and for later calls with the same references.
    """

    def run(references: Any) -> tuple[tf.Tensor, ...]:
        attribution = Attribution(graph, plan)
        rows = attribution.rows(references)
        given = {edge: rows.merge_pairs(y) for edge, y in zip(attribution.inputs, references, strict=True)}
        values = propagation.forward(attribution.nodes, given)
        return tuple(values[edge] for edge in attribution.made)

    signature = [reference_signature(graph, plan)]
    return tf.function(run, input_signature=signature, autograph=False).get_concrete_function()


def compile_values(graph: Graph, plan: Plan) -> Any:
    """Return the function x -> its activations."""
    return compile_references(graph, plan._replace(several_references=False))


class Attribution:
    """One scoring of a batch, as it is traced.

    Parameters
    ----------
    graph : Graph
    plan : Plan
    known : sequence of tf.Tensor
        Results of `compile_references`, if the references are not evaluated here.
    values : sequence of tf.Tensor
        Results of `compile_values`, if x is not evaluated here.

    Attributes
    ----------
    notes : list of str
        Names of values fixed at x, once a batch has been traced.
    """

    def __init__(
        self, graph: Graph, plan: Plan, *, known: Sequence[tf.Tensor] = (), values: Sequence[tf.Tensor] = ()
    ) -> None:
        self.graph, self.plan, self.known, self.values = graph, plan, known, values
        self.notes: list[str] = []
        self.nodes = settle_ties(graph.ancestors([plan.target, *plan.scored]))
        self.inputs = tuple(value.edge for value in graph.inputs)

    @property
    def made(self) -> list[Edge]:
        """All values that the nodes compute."""
        return [edge for node in self.nodes for edge in node.outputs]

    def rows(self, references: Sequence[tf.Tensor]) -> Pairing:
        """Return the pairing of rows, for a single target."""
        return Pairing(tf.shape(references[0])[1] if self.plan.several_references else None)

    def letters_axis(self, edge: Edge) -> int:
        """Return the axis of a scored value that holds letters, counted from the end."""
        return from_the_end(self.plan.letters_axis, self.graph.shape(edge).rank)

    def run(self, x: Sequence[tf.Tensor], references: Sequence[tf.Tensor], weights: tf.Tensor) -> dict[str, Any]:
        """Return the results of a batch; see `compile_plan`."""
        plan = self.plan
        values = dict(zip(self.inputs, x, strict=True))
        if self.values:
            values |= zip(self.made, self.values, strict=True)
        else:
            values = propagation.forward(self.nodes, values)
        rows = self.rows(references)
        kind = values[plan.target].dtype
        if not kind.is_floating:
            raise TargetError(
                f"target: expected an output of floats; {plan.target.node!r} is of {kind.name}. Name what it is made "
                "of: output=..."
            )
        reference_values = self._reference_values(values, references, rows)
        views = propagation.differences(self.nodes, values, reference_values, rows)

        weights = self._weights(weights, values[plan.target])
        rows = rows._replace(targets=shape_of(weights)[0] if plan.several_targets else None)
        start = Multipliers(self._start(weights, views[plan.target], rows))
        reached = propagation.backward(self._between(), views, {plan.target: start}, rows)

        contributions: list[tf.Tensor] = []
        results: dict[str, list[tf.Tensor]] = {"contributions": [], "multipliers": [], "hypothetical": []}
        for edge in plan.scored:
            multipliers = reached.get(edge) or Multipliers(self._no_multipliers(views[edge], start.mean, rows))
            m, parts = self._contributions(edge, multipliers, views[edge], rows)
            contributions.append(parts)
            results["contributions"].append(self._over_references(parts))
            results["multipliers"].append(self._over_references(m))
            if plan.hypothetical:
                parts = hypothetical(m, views[edge].reference, self.letters_axis(edge))
                results["hypothetical"].append(self._over_references(parts))
        ends = propagation.ends_of(values[plan.target], reference_values[plan.target], rows)
        return results | self._completeness(weights, ends, contributions, views[plan.target])

    def _reference_values(
        self, values: propagation.Values, references: Sequence[tf.Tensor], rows: Pairing
    ) -> propagation.Values:
        """Return the activations of the references; values fixed at x are taken from x."""
        dtypes = dtypes_in(values)
        held = fixed_at_input(self.inputs, self.nodes, self.plan.scored, dtypes)
        masks = held.given(self.nodes, dtypes)
        self.notes[:] = described(held, self.graph, self.nodes, dtypes)
        of_rows = {edge: values[edge] for edge in held.edges} | {of_x(edge): values[edge] for edge in masks}
        given = self._reference_rows(values, of_rows, references, rows)
        if self.known and not of_rows:
            return given | dict(zip(self.made, self.known, strict=True))
        return propagation.forward(with_given_of_x(self.nodes, masks, dtypes), given)

    def _reference_rows(
        self, values: propagation.Values, held: propagation.Values, references: Sequence[tf.Tensor], rows: Pairing
    ) -> dict[Edge, tf.Tensor]:
        """Return the references as rows; if values are fixed at x, one row for each pair."""
        given = dict(zip(self.inputs, references, strict=True))
        if not held:
            return {edge: rows.merge_pairs(value) for edge, value in given.items()}
        lead = [tf.shape(next(iter(values.values())))[0], *([] if rows.references is None else [rows.references])]
        sources = given | {edge: rows.example(value) for edge, value in held.items()}
        sizes = {edge: [*lead, *shape_of(source)[len(lead) :]] for edge, source in sources.items()}
        return {edge: rows.merge_pairs(tf.broadcast_to(source, sizes[edge])) for edge, source in sources.items()}

    def _weights(self, weights: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        several = weights if self.plan.several_targets else weights[None]
        several = selected(self.plan.selectors, several, outputs)
        if self.plan.mean_normalised:
            several -= tf.reduce_mean(several, -1, keepdims=True)
        return several if self.plan.several_targets else several[0]

    def _start(self, weights: tf.Tensor, output: Difference, rows: Pairing) -> tf.Tensor:
        """Return the target's weights as multipliers, one row for each row that travels back."""
        n, *sizes = shape_of(output.x)
        if self.plan.several_references:
            sizes[0] = rows.references
        lead = [rows.targets] if self.plan.several_targets else []
        return rows.merge_targets(tf.broadcast_to(self._with_references(weights), [*lead, n, *sizes]))

    def _with_references(self, weights: tf.Tensor) -> tf.Tensor:
        """View weights, shape (K, N, ...), as (K, N, 1, ...) if there is an axis of references."""
        if not self.plan.several_references:
            return weights
        return tf.expand_dims(weights, 2 if self.plan.several_targets else 1)

    def _between(self) -> list[Node]:
        """Return the nodes on paths from a scored value to the target."""
        below = self.graph.descendants(self.plan.scored)
        above = {node.name for node in self.graph.ancestors([self.plan.target])}
        return [node for node in self.nodes if node.name in below & above]

    def _no_multipliers(self, view: Difference, start: tf.Tensor, rows: Pairing) -> tf.Tensor:
        return tf.zeros_like(rows.template(view.x, start))

    def _contributions(
        self, edge: Edge, multipliers: Multipliers, view: Difference, rows: Pairing
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the multipliers to report and C = m̄Δx + d·s, views of targets."""
        if edge in self.inputs:
            m = rows.target(collapse(multipliers, view.delta, rows))
            return m, m * view.delta
        m = rows.target(multipliers.mean)
        if multipliers.half_difference is None:
            return m, m * view.delta
        return m, m * view.delta + rows.target(multipliers.half_difference) * view.size

    def _over_references(self, view: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(view, self._reference_axis) if self.plan.several_references else view

    @property
    def _reference_axis(self) -> int:
        return 2 if self.plan.several_targets else 1

    def _completeness(
        self,
        weights: tf.Tensor,
        output: Difference,
        contributions: Sequence[tf.Tensor],
        explained: Difference | None = None,
    ) -> dict[str, tf.Tensor]:
        """Return the target values, the error of the contributions' sum, and the classes that were predicted.

        `explained` is what the contributions are of, if it is not the output itself: it holds no infinities.
        """
        found = self._target_values(weights, output, contributions, (explained or output).delta)
        if any(self.plan.selectors):
            several = weights if self.plan.several_targets else weights[None]
            classes = predicted_classes(self.plan.selectors, several)
            found["classes"] = classes if self.plan.several_targets else classes[0]
        return found

    def _target_values(
        self, weights: tf.Tensor, output: Difference, contributions: Sequence[tf.Tensor], delta: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Return the target values, and the error of the contributions' sum; units without a weight do not count."""
        weights, lead = self._with_references(weights), 1 + self.plan.several_references + self.plan.several_targets
        outputs = sum_over(tf.math.multiply_no_nan(output.x, weights), lead)
        if self.plan.several_references:
            outputs = tf.squeeze(outputs, self._reference_axis)
        if not self.plan.complete:
            return {"outputs": outputs}
        sums = tf.add_n([sum_over(parts, lead) for parts in contributions])
        error = sums - sum_over(tf.math.multiply_no_nan(delta, weights), lead)
        reference = sum_over(tf.math.multiply_no_nan(output.reference, weights), lead) + tf.zeros_like(error)
        worst = self._worst(error) if self.plan.several_references else error
        return {"outputs": outputs, "reference_outputs": self._over_references(reference), "delta": worst}

    def _worst(self, error: tf.Tensor) -> tf.Tensor:
        """Return the largest error in absolute value among the references, with its sign; NaN counts as the largest."""
        low, high = tf.reduce_min(error, self._reference_axis), tf.reduce_max(error, self._reference_axis)
        undefined = tf.reduce_any(tf.math.is_nan(error), self._reference_axis)  # devices differ in the minimum of NaN
        return tf.where(undefined, tf.constant(float("nan"), error.dtype), tf.where(-low > high, low, high))


def sum_over(tensor: tf.Tensor, lead: int) -> tf.Tensor:
    """Return the sum over all axes but the first `lead`."""
    return tf.reduce_sum(tensor, list(range(lead, tensor.shape.rank)))


def hypothetical(multipliers: tf.Tensor, reference: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Return what every letter would contribute at each position: m[p, i] − Σ_c x⁰[p, c]·m[p, c].

    This is the contribution of a one-hot letter i in place of the letter at position p, with the same multipliers
    (the definition of the original DeepLIFT and of TF-MoDISco).

    Parameters
    ----------
    multipliers : tf.Tensor, shape (..., positions, letters)
    reference : tf.Tensor, broadcasts against the multipliers
    axis : int
        That of the letters, counted from the end.
    """
    return multipliers - tf.reduce_sum(reference * multipliers, axis, keepdims=True)
