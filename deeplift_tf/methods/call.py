"""The shared parts of methods: arguments, batches, and the way to `Scores`."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph
from deeplift_tf.graph.passes import optimize
from deeplift_tf.scoring.attribution import Attribution, Plan
from deeplift_tf.scoring.batches import Batch, as_tensor
from deeplift_tf.scoring.capacity import computing, require_room
from deeplift_tf.scoring.display import described
from deeplift_tf.scoring.pass_size import PassSize, pass_size
from deeplift_tf.scoring.progress import Progress, as_progress
from deeplift_tf.scoring.references import defaults_used
from deeplift_tf.scoring.score import Score, Totals
from deeplift_tf.scoring.scores import Scores

if TYPE_CHECKING:
    from deeplift_tf.network import Network

logger = logging.getLogger("deeplift_tf")


class Options(TypedDict, total=False):
    """Arguments that every method takes; those of a scoring function, see `Score.__call__`.

    Attributes
    ----------
    layers : None, str or sequence of str
        The hidden layers that are scored; None: the inputs. See `Network.compile`.
    batch_size : int
        Rows that the network sees together: examples times references times points of a path.
    """

    layers: str | Sequence[str] | None
    batch_size: int
    progress: bool | Progress
    targets: Sequence[Any] | None
    output: str | None
    pre_activation: bool
    mean_normalised: bool
    hypothetical: bool
    letters_axis: int


class Call:
    """One call of a method: what is asked of a network, and the run over its batches.

    Parameters
    ----------
    network : Network
    x, references, target
        As for `Score.__call__`.
    options : Options
    kind : type
        Subclass of `Attribution` that scores a batch; the method's mathematics.
    extra : tuple of tf.TensorSpec
        What `kind.run` takes after x, references and weights.
    complete : bool
        Whether the contributions are to sum to the difference from the reference.
    settings : hashable
        Further arguments of `kind`, fixed when it is traced.
    """

    def __init__(
        self,
        network: Network,
        x: Any,
        references: Any,
        target: Any,
        options: Options,
        kind: type[Attribution],
        extra: Sequence[tf.TensorSpec] = (),
        complete: bool = True,
        settings: tuple[Hashable, ...] = (),
    ) -> None:
        if unknown := set(options) - set(Options.__annotations__):
            raise TypeError(f"unexpected arguments {sorted(unknown)}; expected some of {list(Options.__annotations__)}")
        self.network, self.options, self.complete = network, options, complete
        self.asked = described(options.get("targets", target)), described(references)
        self.score = Score(network, options.get("layers"))
        self.question = self.score.ask(
            x,
            references,
            target,
            options.get("targets"),
            options.get("output"),
            options.get("pre_activation", False),
        )
        if getattr(kind, "reads_references", True):
            self._say_defaults(references, kind)
        if options.get("hypothetical", False):
            self.score.check_letters(self.question.x, options.get("letters_axis", -1))
        self.plan = Plan(
            scored=self.score.scored,
            target=self.question.target,
            selectors=self.question.selectors or (None,) * len(self.question.weights),  # one for each walk back
            several_references=True,
            several_targets=True,
            mean_normalised=options.get("mean_normalised", False),
            hypothetical=options.get("hypothetical", False),
            letters_axis=options.get("letters_axis", -1),
            complete=complete,
        )
        if network.graph.descendants(self.plan.scored) & {edge.node for edge in self.plan.scored}:
            raise InputError(f"layers: expected layers that do not depend on one another; received {self.score.layers}")
        self.kind, self.extra, self.settings = kind, extra, settings

    def function(self, targets: slice) -> Any:
        """Return the compiled function of some of the targets; it walks back for each by itself."""
        plan = self.plan._replace(selectors=self.plan.selectors[targets])
        return cached(
            self.network.graph,
            (self.kind, plan, self.settings),
            lambda: compiled(self.network.graph, plan, self.network.dtype, self.kind, self.extra, self.settings),
        )

    def _say_defaults(self, references: Any, kind: type[Attribution]) -> None:
        """Say what stands for references that are not given, once for each network and method."""
        graph = self.network.graph
        if remark := defaults_used(references, graph.inputs, self.score.follow_references):
            cached(graph, (kind, remark), lambda: logger.warning(remark))

    @property
    def batch_size(self) -> int:
        """Rows that the network sees together."""
        return self.options.get("batch_size", 32)

    def pass_size(self) -> PassSize:
        """Return how many rows and targets are computed together; say once if it is less than asked."""
        graph, passed = self.network.graph, self.score.passed(self.question.target)
        size = pass_size(graph, self.question.x.row_shapes, passed, self.batch_size, len(self.question.weights))
        if size.note is not None and (self.extra or self.question.largest_batch(self.batch_size) > size.pairs):
            cached(graph, size.note, lambda: logger.warning(size.note))
        return size

    def run(self, extra: Callable[[Batch, int], tuple[Any, ...]]) -> dict[str, Any]:
        """Return the means over references of what the method finds, each with a leading axis of targets.

        Parameters
        ----------
        extra : callable
            (part, how many points of every pair the network may see together) -> the further arguments.
        """
        size = self.pass_size()
        require_room(self.network.graph, self.question.x.row_shapes, self.question.largest_batch(size.pairs))
        totals = Totals(self.question, several_targets=True)
        progress = as_progress(self.options.get("progress", False))
        for part in self.question.batches(size.pairs, size.targets, progress, self.outputs):
            pairs = len(part.x[0]) * (part.some.stop - part.some.start)
            arguments = part.tensors(self.network.graph.inputs, self.network.dtype, True, True)
            with computing("scoring"):
                points = extra(part, max(1, size.pairs // pairs))
                totals.add(part.targets, part.rows, self.function(part.targets)(*arguments, *points))
        found = totals.means()
        return found if self.question.several_targets else {name: first_target(value) for name, value in found.items()}

    def outputs(self, x: Sequence[np.ndarray]) -> tf.Tensor:
        """Return the value that is explained, for rows of x."""
        graph, edge = self.network.graph, self.plan.target
        rows = [as_tensor(array, value.dtype) for array, value in zip(x, graph.inputs, strict=True)]
        return cached(graph, ("value", edge), lambda: value_function(graph, edge))(*rows)

    def scores(self, found: dict[str, Any], multiply_by_inputs: bool = True) -> Scores:
        """Return results as scores; without `multiply_by_inputs` the contributions are the multipliers.

        The sum-to-delta error is kept where the scored layers cut every path, and the contributions are multiplied.
        """
        x, parts = self.question.x, {name: value for name, value in found.items() if isinstance(value, list)}
        parts = {name: self.score.structured(x, value) for name, value in parts.items() if value}
        sums = self.complete and multiply_by_inputs and self.score.cuts(self.plan.target)
        return Scores(
            parts["contributions" if multiply_by_inputs else "multipliers"],
            parts["multipliers"],
            found["outputs"],
            found.get("reference_outputs"),
            found["delta"] if sums else None,
            parts.get("hypothetical"),
            *self.asked,
            classes=self.classes(found),
        )

    def classes(self, found: dict[str, Any]) -> np.ndarray | None:
        """Return the class of each row, where the target names one for each; see `Scores`."""
        return self.question.classes_with(found.get("classes"))


def value_function(graph: Graph, edge: Edge) -> Any:
    """Return the function of the inputs to one value of a graph, traced."""
    nodes, inputs = graph.ancestors([edge]), [value.edge for value in graph.inputs]

    def forward(*x: tf.Tensor) -> tf.Tensor:
        return propagation.forward(nodes, dict(zip(inputs, x, strict=True)))[edge]

    signature = [tf.TensorSpec(value.shape, value.dtype) for value in graph.inputs]
    return tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()


def first_target(value: Any) -> Any:
    """Return results without their axis of targets."""
    return [part[0] for part in value] if isinstance(value, list) else value[0]


def compiled(
    graph: Graph,
    plan: Plan,
    dtype: tf.DType,
    kind: type[Attribution],
    extra: Sequence[tf.TensorSpec],
    settings: tuple[Hashable, ...],
) -> Any:
    """Return the function (x, references, weights, *extra) -> results, traced once.

    Shapes are those of `compile_plan` with an axis of references and one of targets.
    """
    graph = optimize(graph, [plan.target, *plan.scored])
    x = tuple(tf.TensorSpec(value.shape, value.dtype) for value in graph.inputs)
    references = tuple(tf.TensorSpec([None, None, *value.shape[1:]], value.dtype) for value in graph.inputs)
    weights = tf.TensorSpec([None, None, *graph.shape(plan.target)[1:]], dtype)

    def attribute(*arguments: Any) -> dict[str, Any]:
        return kind(graph, plan, *settings).run(*arguments)

    signature = (x, references, weights, *extra)
    return tf.function(attribute, input_signature=signature, autograph=False).get_concrete_function()


_CACHE: weakref.WeakKeyDictionary[Graph, dict[Hashable, Any]] = weakref.WeakKeyDictionary()


def cached(graph: Graph, key: Hashable, make: Callable[[], Any]) -> Any:
    """Return what was made for a graph before, or make it; it is forgotten with the graph."""
    held = _CACHE.setdefault(graph, {})
    if key not in held:
        held[key] = make()
    return held[key]
