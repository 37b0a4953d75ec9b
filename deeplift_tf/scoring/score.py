"""The scoring function: batches, targets and references around the compiled function."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.deprecation import keywords_of
from deeplift_tf.errors import InputError, TargetError, warn
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge
from deeplift_tf.graph.rule_assignment import RuleChoice
from deeplift_tf.pickling import Portable
from deeplift_tf.scoring.attribution import Plan
from deeplift_tf.scoring.batches import ScoreRequest, as_tensor
from deeplift_tf.scoring.capacity import BackwardNeeds, computing, require_room
from deeplift_tf.scoring.completeness import Completeness
from deeplift_tf.scoring.display import Displayed, described
from deeplift_tf.scoring.fixed_at_input import first_floats, fixed_at_input, followed
from deeplift_tf.scoring.inputs import InputArrays, as_input_arrays
from deeplift_tf.scoring.pass_size import PassSize, pass_size
from deeplift_tf.scoring.programs import Programs
from deeplift_tf.scoring.progress import Progress, as_progress
from deeplift_tf.scoring.references import defaults_used, normalize_references
from deeplift_tf.scoring.scores import Scores
from deeplift_tf.scoring.target_layer import TargetValue, resolve_target
from deeplift_tf.scoring.targets import as_target, classes_of, predicted, repeated, stacked
from deeplift_tf.sequences.letters import refuse_other_axis

if TYPE_CHECKING:
    from deeplift_tf.network import Network


logger = logging.getLogger("deeplift_tf")

LISTED = 5  # notes in a warning


def default_values(network: Network) -> dict[Edge, tuple[Edge, ...]]:
    """Return for each input what is scored by default: itself, or the first floats computed from it.

    Raises
    ------
    InputError
        If nothing can be scored, or the values of one input have no common shape.
    """
    graph = network.graph
    if all(value.dtype.is_floating for value in graph.inputs):
        return {value.edge: (value.edge,) for value in graph.inputs}
    found = first_floats(graph, network.value_dtypes)
    if not any(found.values()):
        raise InputError(
            "no input of the model holds floats, so none has a difference, and no floats are made of one alone; score "
            "a layer's output: compile(layers=...)"
        )
    for value in graph.inputs:
        names = [edge.node for edge in found[value.edge]]
        if value.dtype.is_floating or not names:
            continue
        if len({tuple(graph.shape(edge)[:-1]) for edge in found[value.edge]}) > 1:
            raise InputError(
                f"input {value.name!r}: the first floats made of it, {', '.join(names)}, have different shapes; name "
                "what is to be scored: compile([...])"
            )
        logger.warning(
            "input %r (%s) has no difference of its own: scored are the outputs of %s",
            value.name,
            value.dtype.name,
            ", ".join(names),
        )
    return found


class Score(Displayed, Portable):
    """A scoring function of a network; see `Network.compile`.

    Safe to call from several threads. The activations of a reference that all rows share are kept for the next call, up
    to a limit in bytes, see `programs`.

    Parameters
    ----------
    network : Network
    layers : None, str or sequence of str
    jit_compile : bool
    """

    def __init__(self, network: Network, layers: str | Sequence[str] | None = None, jit_compile: bool = False) -> None:
        self.network, self.layers, self.jit_compile = network, layers, jit_compile
        names = [layers] if isinstance(layers, str) else list(layers or ())
        self.values = {} if names else default_values(network)
        self.scored = tuple(network.edge(name) for name in names) or tuple(chain(*self.values.values()))
        self.compiled = Programs(network.graph, network.dtype)
        self.said: set[str] = set()
        self._open_shapes: dict[Any, tuple[int, ...]] = {}

    def with_rule(self, rule: RuleChoice) -> Score:
        """Return the same scoring function of the network under another rule; see `Network.with_rule`."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, network=self.network.with_rule(rule), _open_shapes={})
        other.compiled = Programs(other.network.graph, other.network.dtype)
        return other

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the lines of its display."""
        graph = self.network.graph
        scored = ", ".join(f"{edge.node}: {tuple(graph.shape(edge))}" for edge in self.scored)
        rules = dict.fromkeys(node.rule.name for node in graph.nodes if node.layer.ruled)
        return [
            ("scores", scored),
            ("of", ", ".join(f"{name}: {tuple(graph.shape(edge))}" for name, edge in graph.outputs.items())),
            ("rules", ", ".join(rules) or "none: no layer has a nonlinearity"),
            ("compiled by XLA", "yes" if self.jit_compile else "no"),
        ]

    def __call__(
        self,
        x: Any,
        references: Any = None,
        target: Any = 0,
        *by_position: Any,
        batch_size: int = 32,
        progress: bool | Progress = False,
        targets: Sequence[Any] | None = None,
        output: str | None = None,
        pre_activation: bool = False,
        mean_normalised: bool = False,
        hypothetical: bool = False,
        letters_axis: int = -1,
    ) -> Scores:
        """Score rows of x.

        Parameters
        ----------
        x : array, or list or dict of arrays for several inputs, shape (N, ...)
        references : None, scalar, array, callable, or list or dict of them
            See `normalize_references`: the rank decides; None is zeros.
        target : int, tuple, array, "predicted" or callable
            See `as_target`.
        batch_size : int
            (Example, reference) pairs that are computed together; memory grows with it, not with N. More than gain
            speed are not taken together, which is said once; see `pass_size`.
        progress : bool or callable
            True shows a bar; a callable gets (pairs done, pairs in all). Where targets take several passes, a part of
            the pairs counts as done after each.
        targets : sequence, optional
            Several targets, which share the forward passes, up to 16 of them each.
        output : str, optional
            The head that the target lies in, or any inner layer; required if the model has several outputs.
        pre_activation : bool
            Look through a final softmax or sigmoid.
        mean_normalised : bool
            Subtract from the target the mean over the last axis of the output, for softmax logits.
        hypothetical : bool
            Return hypothetical contributions too, of one-hot sequences; they have no meaning for inputs without
            letters.
        letters_axis : int
            The axis of letters in x, for hypothetical contributions.

        Returns
        -------
        Scores

        Raises
        ------
        InputError, ReferencesError, TargetError, LayerNameError
        """
        if by_position:  # as up to version 0
            batch_size, progress = keywords_of(by_position, batch_size=batch_size, progress=progress)
        question = self.ask(x, references, target, targets, output, pre_activation)
        reference = any(node.rule.reference for node in self.network.graph.nodes)
        if reference:
            self.note(defaults_used(references, self.network.graph.inputs, self.follow_references))
        if hypothetical:
            self.check_letters(question.x, letters_axis)
        plan = Plan(
            scored=self.scored,
            target=question.target,
            selectors=question.selectors,
            several_references=question.references.count > 1,
            several_targets=question.several_targets,
            mean_normalised=mean_normalised,
            hypothetical=hypothetical,
            letters_axis=letters_axis if hypothetical else -1,
            complete=reference,
            jit_compile=self.jit_compile,
        )
        size = self.pass_size(question, batch_size)
        if size.pairs < question.largest_batch(batch_size):
            batch_size = size.pairs
        kept = BackwardNeeds(self.passed(question.target), question.most_examples(batch_size))
        require_room(
            self.network.graph,
            question.x.row_shapes,
            question.largest_batch(batch_size),
            kept=None if self.jit_compile else kept,  # XLA may compute a value again
        )
        shared = plan.complete and question.shares_references(batch_size)
        plan = plan._replace(
            known_references=shared and self.compiled.all_differ(plan),
            known_values=any(question.choosers) and not self.jit_compile,  # whose batches are filled up
        )
        totals = Totals(question)
        known: tuple[Any, ...] = ()
        values: tuple[Any, ...] = ()

        def outputs(x: Sequence[np.ndarray]) -> tf.Tensor:
            nonlocal values
            inputs = self.network.graph.inputs
            rows = [as_tensor(array, value.dtype) for array, value in zip(x, inputs, strict=True)]
            made, found = self.compiled.values_of(plan, rows)
            values = (made,) if plan.known_values else ()
            return found

        for part in question.batches(batch_size, size.targets, as_progress(progress), outputs):
            plan = plan._replace(selectors=question.selectors_of(part.targets))
            filled = part.filled(max(1, batch_size // question.references.count)) if self.jit_compile else part
            arguments = filled.tensors(
                self.network.graph.inputs, self.network.dtype, plan.several_references, plan.several_targets
            )
            with computing("scoring"):
                if plan.known_references:
                    known = known or (self.compiled.known(plan, part.references, arguments[1]),)
                totals.add(part.targets, part.rows, self.compiled(plan)(*arguments, *known, *values))
        self.warn_of_held(self.compiled.notes(plan))
        explained = described(target if targets is None else targets)
        compared = described(references) or "zeros" if reference else ""
        classes = question.classes_with(totals.sums.get("classes"))
        scores = self._scores(plan, question.x, totals)
        scores = scores.replace(target=explained, references=compared, classes=classes)
        self.warn_of_errors(scores, totals.means_of("contributions"))
        return scores

    def pass_size(self, question: ScoreRequest, batch_size: int) -> PassSize:
        """Return how many pairs and targets of a question are computed together; say once if it is less than asked."""
        pairs, passed = question.largest_batch(batch_size), self.passed(question.target)
        size = pass_size(self.network.graph, question.x.row_shapes, passed, pairs, len(question.weights))
        self.note(size.note)
        return size

    def passed(self, target: Edge) -> frozenset[str]:
        """Return the names of the nodes that multipliers pass from a target to what is scored."""
        graph = self.network.graph
        return frozenset(graph.descendants(self.scored) & {node.name for node in graph.ancestors([target])})

    def warn_of_errors(self, scores: Scores, contributions: Sequence[np.ndarray], hint: str = "") -> None:
        """Warn if contributions miss the difference; `hint` as for `Completeness.warning`."""
        if scores.delta is None or scores.reference_outputs is None:
            return
        found = Completeness()
        found.add(0, scores.outputs, scores.reference_outputs, scores.delta, contributions)
        if text := found.warning(self.network.approximate_layers, hint):
            warn(text)

    @functools.cached_property
    def follow_references(self) -> frozenset[Edge]:
        """The inputs that follow their references; others are fixed at x."""
        inputs = [value.edge for value in self.network.graph.inputs]
        if len(self.network.float_inputs) == len(inputs):
            return frozenset(inputs)
        held = fixed_at_input(inputs, self.network.graph.nodes, self.scored, self.network.value_dtypes)
        return frozenset(inputs) - held.edges

    def note(self, remark: str | None) -> None:
        """Log an assumption, once."""
        if remark is not None and remark not in self.said:
            self.said.add(remark)
            logger.warning(remark)

    def warn_of_held(self, notes: Sequence[str]) -> None:
        """Warn once of values that the reference pass takes from x."""
        new = [note for note in notes if note not in self.said]
        self.said.update(new)
        if new:
            warn(
                f"taken from x in the pass of the reference: {listed(new)}. Reference outputs are the model's with "
                "these values"
            )

    def export(self, path: str | Path, references: Any = None, target: Any = None, **others: Any) -> Path:
        """Write this function as a SavedModel that runs without this package; see `deeplift_tf.serving.export`."""
        return self.network.exporter(self, path, references, target, **others)

    def ask(
        self,
        x: Any,
        references: Any = None,
        target: Any = 0,
        targets: Sequence[Any] | None = None,
        output: str | None = None,
        pre_activation: bool = False,
    ) -> ScoreRequest:
        """Validate and normalise the arguments of a call; the parameters are those of `__call__`."""
        if targets is not None and not (len(targets) and isinstance(target, int) and target == 0):
            raise TargetError("give either target= or targets=, and at least one of those")
        inputs = self.network.graph.inputs
        batch = as_input_arrays(x, inputs)
        if not len(batch):
            raise InputError("x: expected at least one row; received none")
        require_room(self.network.graph, batch.row_shapes, 1)
        pairs = normalize_references(references, batch, inputs)
        value = resolve_target(self.network.graph, output, pre_activation)
        shape = self._shape(value.output, batch)
        each = [as_target(t, shape, len(batch)) for t in ([target] if targets is None else targets)]
        if twice := repeated(each):
            warn("targets: those at places {} and {} (counted from 0) are the same".format(*twice))
        classes = classes_of([target] if targets is None else targets, shape, len(batch))
        inside = tuple(value.selector(t) if t is predicted else None for t in each)
        selectors = inside if any(inside) else ()  # one trace for any number of targets that are given as weights
        choosers = tuple(None if isinstance(t, np.ndarray) or t is predicted else t for t in each)
        weights = stacked(each, shape)
        if value.moves:
            weights = in_value(value, weights, self._shape(value.edge, batch))
        return ScoreRequest(batch, pairs, value, selectors, choosers, weights, targets is not None, classes)

    def _shape(self, edge: Edge, x: InputArrays) -> tuple[int, ...]:
        """Return the shape of one row of a value; if the model leaves an axis open, the first row of x decides."""
        graph = self.network.graph
        shape = tuple(graph.shape(edge)[1:])
        if None not in shape:
            return shape
        key = (edge, *(array.shape[1:] for array in x.arrays))
        if key not in self._open_shapes:
            rows = [as_tensor(array[:1], value.dtype) for array, value in zip(x.arrays, graph.inputs, strict=True)]
            inputs = {value.edge: row for value, row in zip(graph.inputs, rows, strict=True)}
            self._open_shapes[key] = tuple(propagation.forward(graph.ancestors([edge]), inputs)[edge].shape[1:])
        return self._open_shapes[key]

    def _scores(self, plan: Plan, x: InputArrays, totals: Totals) -> Scores:
        means = totals.means()
        hypothetical = self.structured(x, means["hypothetical"]) if plan.hypothetical else None
        return Scores(
            self.structured(x, means["contributions"]),
            self.structured(x, means["multipliers"]),
            means["outputs"],
            means.get("reference_outputs"),
            means["delta"] if plan.complete and self.cuts(plan.target) else None,
            hypothetical,
        )

    def structured(self, x: InputArrays, values: list[np.ndarray]) -> Any:
        """Return the values of the scored layers: one value for a name, a dict for names, x's structure for inputs."""
        if isinstance(self.layers, str):
            return values[0]
        found = self.named(values, np.concatenate)
        return found if self.layers else x.restore([found.get(value.name) for value in self.network.graph.inputs])

    def named(self, values: Sequence[Any], concatenate: Callable[..., Any]) -> dict[str, Any]:
        """Return the scored values by the names of layers or inputs, those of one input side by side."""
        if self.layers:
            names = [self.layers] if isinstance(self.layers, str) else self.layers
            return dict(zip(names, values, strict=True))
        left = iter(values)
        each = {edge.node: [next(left) for _ in made] for edge, made in self.values.items()}
        return {name: parts[0] if len(parts) == 1 else concatenate(parts, -1) for name, parts in each.items() if parts}

    def check_letters(self, x: InputArrays, letters_axis: int) -> None:
        """Refuse hypothetical contributions of inputs whose letters are on another axis; hidden layers have no letters.

        Raises
        ------
        InputError
            Names the axis that looks one-hot.
        """
        for value, array in zip(self.network.graph.inputs, x.arrays, strict=True):
            if value.edge in self.scored:
                refuse_other_axis(array, letters_axis, f"hypothetical contributions of input {value.name!r}")

    def cuts(self, target: Edge) -> bool:
        """Whether the scored values cut every path from the inputs to the target, each path once."""
        graph, inputs = self.network.graph, [value.edge for value in self.network.graph.inputs]
        if graph.descendants(self.scored) & {edge.node for edge in self.scored}:
            return False
        reached = {*self.network.float_inputs} - {*self.scored}
        if len(self.network.float_inputs) < len(inputs):
            dtypes = self.network.value_dtypes
            for edge in fixed_at_input(inputs, graph.nodes, self.scored, dtypes).free.intersection(inputs):
                reached |= {*followed(edge, graph.nodes, dtypes)[1]} - {*self.scored}
        for node in graph.nodes:
            if reached.intersection(node.inputs):
                reached |= {*node.outputs} - {*self.scored}
        return target not in reached


def listed(notes: Sequence[str]) -> str:
    """Return the first few of some notes as one text."""
    further = len(notes) - LISTED
    return "; ".join([*notes[:LISTED], *([f"and {further} more"] if further > 0 else [])])


def in_value(value: TargetValue, weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return weights of an output, shape (K, 1 or N, ...), as weights of the value that it rearranges.

    Parameters
    ----------
    value : TargetValue
    weights : np.ndarray
    shape : tuple of int
        Of one row of the value.
    """
    lead, rows = weights.shape[:2], weights.reshape(-1, *weights.shape[2:])
    return value.weights(tf.constant(rows), shape).numpy().reshape(*lead, *shape)


class Totals:
    """Results of batches gathered into whole arrays.

    Parameters
    ----------
    question : ScoreRequest
    several_targets : bool, optional
        Whether results have a leading axis of targets; by default, as the question has.
    """

    def __init__(self, question: ScoreRequest, several_targets: bool | None = None) -> None:
        several = question.several_targets if several_targets is None else several_targets
        self.lead = (len(question.weights),) * several + (len(question.x),)
        self.references = question.references.count
        self.sums: dict[str, Any] = {}

    def add(self, targets: slice, rows: slice, results: dict[str, Any]) -> None:
        """Add the results of a batch, for some of the targets and rows."""
        place = (targets, rows)[-len(self.lead) :]
        for name, value in results.items():
            if isinstance(value, (list, tuple)):
                held = self.sums.setdefault(name, [None] * len(value))
                for index, part in enumerate(value):
                    held[index] = self._added(held[index], place, part.numpy(), name)
            else:
                self.sums[name] = self._added(self.sums.get(name), place, value.numpy(), name)

    def _added(self, total: np.ndarray | None, place: tuple[slice, ...], part: np.ndarray, name: str) -> np.ndarray:
        if total is None:
            total = np.zeros([*self.lead, *part.shape[len(self.lead) :]], part.dtype)
            if name == "classes":
                total -= 1  # of targets whose pass predicts none
        view = total[place]
        part = part[tuple(slice(each.stop - each.start) for each in place)]  # without the rows that fill a batch up
        if name in ("outputs", "classes"):
            view[...] = part
        elif name == "delta":
            view[...] = np.where((np.abs(part) <= np.abs(view)) | np.isnan(view), view, part)  # NaN is the largest
        else:
            view += part
        return total

    def means_of(self, name: str) -> Sequence[np.ndarray]:
        """Return the arrays of a part of the scores, one for each scored value."""
        return list(self.sums[name])

    def means(self) -> dict[str, Any]:
        """Return the means over references; outputs are not averaged, and delta is the worst one."""
        for name in self.sums.keys() - {"outputs", "delta", "classes"}:
            value = self.sums[name]
            for array in value if isinstance(value, list) else [value]:
                array /= self.references
        return self.sums
