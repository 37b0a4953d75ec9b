"""Ensembles: the mean of several networks as one network, for example of models of several folds or seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import DeepLiftError, TargetError
from deeplift_tf.graph.graph import Edge, Graph, Input, LayerUse, Node
from deeplift_tf.layers.merging import Average, Members, Stack
from deeplift_tf.layers.reshaping import Identity
from deeplift_tf.network.network import Members as Networks
from deeplift_tf.network.network import Network, Origin
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.scoring.score import Score
from deeplift_tf.scoring.scores import Scores
from deeplift_tf.scoring.target_layer import final_activation

if TYPE_CHECKING:
    from deeplift_tf.conversion.check import CheckReport

EACH = "folds"
"""Last part of the name under which the outputs of all members lie side by side, shape (N, members, ...)."""


def ensemble(networks: Sequence[Network]) -> Network:
    """Return one network whose outputs are the means of several networks' outputs, for example over folds.

    It is a network like any other, compiled into one function that reads the inputs once. Its outputs keep their
    names. The layers of the members are called ``fold0/...``, ``fold1/...``; ``"logits/folds"`` names the
    members' outputs ``logits`` side by side, shape (N, members, ...). `pre_activation` means the mean of what goes into
    the members' final softmax or sigmoid.

    Parameters
    ----------
    networks : sequence of Network
        Of models that take the same inputs and have the same outputs: by shape and dtype and, where there are several,
        by name.

    Raises
    ------
    DeepLiftError
        If there is none, or two differ in their inputs, outputs or dtype.

    Examples
    --------
    >>> network = dl.ensemble([dl.convert(f"fold{k}.keras") for k in range(5)])  # doctest: +SKIP
    >>> scores = network.compile()(x, target=0)  # doctest: +SKIP
    """
    members = tuple(networks)
    if not members or not all(isinstance(each, Network) for each in members):
        kinds = ", ".join(type(each).__name__ for each in members) or "none"
        raise DeepLiftError(f"ensemble: expected networks, as dl.convert makes them; received {kinds}")
    for index, member in enumerate(members[1:], 1):
        check_alike(members[0], member, index)
    inputs = members[0].graph.inputs
    nodes = [node for index, member in enumerate(members) for node in renamed(member.graph, index, inputs)]
    outputs: dict[str, Edge] = {}
    for place, name in enumerate(members[0].graph.outputs):
        found, *others = means_of(name, members, place)
        nodes += [*others, found]
        outputs[name] = Edge(found.name)
    nested = {
        place_of(index, name): within(index, edge)
        for index, member in enumerate(members)
        for name, edge in member.graph.nested.items()
    }
    origin = Origin(Networks(members), {}, compare) if all(each.origin for each in members) else None
    return Network(Graph(inputs, tuple(nodes), outputs, nested), members[0].dtype, origin)


def folds_of(network: Network) -> int:
    """Return the number of members of an ensemble; 0 if the network is not an ensemble."""
    means = [node for node in network.graph.nodes if isinstance(node.layer, Members)]
    return len(means[0].inputs) if means else 0


def check_alike(first: Network, other: Network, index: int) -> None:
    """Refuse a member that does not take the inputs, or have the outputs, of the first one.

    Raises
    ------
    DeepLiftError
        Says what differs.
    """
    said = f"ensemble: expected members alike; fold {index} differs from fold 0:"
    if first.dtype != other.dtype:
        raise DeepLiftError(f"{said} it computes in {other.dtype.name}, fold 0 in {first.dtype.name}")
    for what, one, two in (
        ("inputs", kinds_of_inputs(first), kinds_of_inputs(other)),
        ("outputs", kinds_of_outputs(first), kinds_of_outputs(other)),
    ):
        if len(one) == len(two) == 1:  # an automatic name counts the models of its process
            one, two = dict(enumerate(one.values())), dict(enumerate(two.values()))
        if one != two:
            raise DeepLiftError(f"{said} its {what} are {two}, those of fold 0 {one}")


def kinds_of_inputs(network: Network) -> dict[Any, Any]:
    """Return shape, dtype and number of tokens of every input."""
    return {each.name: (tuple(each.shape), each.dtype.name, each.size) for each in network.graph.inputs}


def kinds_of_outputs(network: Network) -> dict[Any, Any]:
    """Return shape and dtype of every output."""
    return {
        name: (tuple(network.graph.shape(edge)), network.value_dtypes[edge].name)
        for name, edge in network.graph.outputs.items()
    }


def place_of(index: int, name: str) -> str:
    """Return the name in the ensemble of a member's layer."""
    return f"fold{index}/{name}"


def within(index: int, edge: Edge) -> Edge:
    """Return a value of a member as a value of the ensemble."""
    return Edge(place_of(index, edge.node), edge.output)


def renamed(graph: Graph, index: int, inputs: Sequence[Input]) -> list[Node]:
    """Return the nodes of a member under their names in the ensemble.

    Each member reads the inputs through nodes of its own that do nothing: what passes there is its part of the scores.

    Parameters
    ----------
    graph : Graph
    index : int
    inputs : sequence of Input
        Of the ensemble.
    """
    given = {value.name: value for value in inputs}
    own = [given.get(value.name, inputs[place]) for place, value in enumerate(graph.inputs)]
    use = LayerUse(f"fold{index}")
    doors = [
        Node(
            place_of(index, value.name),
            Identity(),
            (shared.edge,),
            (value.shape,),
            place_of(index, value.name),
            "InputLayer",
            uses=(use, LayerUse(value.name)),
        )
        for value, shared in zip(graph.inputs, own, strict=True)
    ]
    inside = [
        dataclasses.replace(
            node,
            name=place_of(index, node.name),
            inputs=tuple(within(index, edge) for edge in node.inputs),
            owner=place_of(index, node.owner),
            uses=(use, *(node.uses or tuple(map(LayerUse, node.owner.split("/"))))),
        )
        for node in graph.nodes
    ]
    return [*doors, *inside]


def means_of(name: str, members: Sequence[Network], place: int) -> list[Node]:
    """Return the node of the mean of an output, and the nodes of what else can be asked for.

    Those are the members' outputs side by side and, where they end in a softmax or sigmoid, the mean of what goes in.
    """
    edges = [
        each.graph.outputs[name] if name in each.graph.outputs else [*each.graph.outputs.values()][place]
        for each in members
    ]
    shape = members[0].graph.shape(edges[0])
    folds = tuple(within(index, edge) for index, edge in enumerate(edges))
    side = Node(
        f"{name}/{EACH}",
        Stack(),
        folds,
        (tf.TensorShape([shape[0], len(members), *shape[1:]]),),
        f"{name}/{EACH}",
        "Stack",
    )
    before = [logits_of(each.graph, edge) for each, edge in zip(members, edges, strict=True)]
    known = [each for each in before if each is not None]
    logits = f"{name}/pre_activation"
    further = [side]
    if (
        len(known) == len(members)
        and len({tuple(each.graph.shape(edge)) for each, edge in zip(members, known, strict=True)}) == 1
    ):
        inputs = tuple(within(index, edge) for index, edge in enumerate(known))
        further.append(Node(logits, Average(), inputs, (members[0].graph.shape(known[0]),), logits, "Average"))
    mean = Members(logits if len(further) > 1 else None)
    return [Node(name, mean, folds, (shape,), name, "Average"), *further]


def logits_of(graph: Graph, edge: Edge) -> Edge | None:
    """Return what goes into the softmax or sigmoid that an output ends in; None where it ends in none, or is moved."""
    try:
        final = final_activation(graph, edge)
    except TargetError:
        return None
    return None if final is None or final.moves else final.activation.inputs[0]


def compare(
    members: Sequence[Network],
    network: Network,
    *,
    seed: int = 0,
    x: Any = None,
    references: Any = None,
    length: int | None = None,
) -> CheckReport:
    """Compare each member with its model, and report on all of them as on one; see `Network.check`."""
    reports = [each.check(x, references, seed=seed, length=length) for each in members]
    deltas = [each.relative_delta for each in reports if each.relative_delta is not None]
    named = list(enumerate(reports))
    worst = max(named, key=lambda pair: pair[1].prediction_error / pair[1].tolerance)
    parted = worst if worst[1].worst_layer else next((pair for pair in named if pair[1].worst_layer), worst)
    return type(worst[1])(
        worst[1].prediction_error,
        max(deltas, default=None),
        place_of(parted[0], parted[1].worst_layer) if parted[1].worst_layer else None,
        tuple(dict.fromkeys(note for each in reports for note in each.notes)),
        {f"fold{index}, {name}": error for index, each in named for name, error in each.errors.items()},
        {place_of(index, name): error for index, each in named for name, error in each.layers.items()},
        worst[1].tolerance,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class EachFold:
    """A target of the members' outputs side by side: the mean of one target, each member's weights its own.

    Attributes
    ----------
    target : callable
        Of the outputs of one member; see `deeplift_tf.scoring.targets.as_target`.
    """

    target: Callable[[tf.Tensor], Any]

    def __call__(self, outputs: tf.Tensor) -> tf.Tensor:
        """Return weights, shape (N, members, ...), of outputs of that shape."""
        weights = [tf.convert_to_tensor(self.target(part), outputs.dtype) for part in tf.unstack(outputs, axis=1)]
        return tf.stack(weights, 1) / len(weights)


class FoldScores:
    """A scoring function of an ensemble that keeps the contributions of every member apart.

    They pass through one compiled function, as the mean does: what is kept more is an array of the input's size for
    each member.

    Parameters
    ----------
    network : Network
        Made by `ensemble`.
    jit_compile : bool

    Raises
    ------
    DeepLiftError
        If it is no ensemble, or has inputs that hold no floats.
    """

    def __init__(self, network: Network, jit_compile: bool = False) -> None:
        self.network, self.count = network, folds_of(network)
        if self.count < 2:
            raise DeepLiftError("fold spread: expected several models, of several folds; received one")
        if len(network.float_inputs) < len(network.graph.inputs):
            raise DeepLiftError("fold spread: expected inputs of floats; scored here is what is made of tokens")
        self._doors = {
            name: [self._door(index, place) for index in range(self.count)]
            for place, name in enumerate(network.input_names)
        }
        self._score = Score(network, [door for doors in self._doors.values() for door in doors], jit_compile)

    def _door(self, index: int, place: int) -> str:
        """Return the name of the node through which a member reads an input."""
        edge, prefix = self.network.graph.inputs[place].edge, place_of(index, "")
        return next(
            node.name for node in self.network.graph.nodes if node.name.startswith(prefix) and node.inputs == (edge,)
        )

    def __call__(self, x: Any, references: Any = None, **arguments: Any) -> Scores:
        """Score rows of x; the parameters are those of `Score.__call__`.

        Returns
        -------
        Scores
            Of the mean; but contributions have an axis of members before that of rows: their mean are those of the
            ensemble.
        """
        scores = self._score(x, references, **arguments)
        axis = 0 if arguments.get("targets") is None else 1
        batch = as_input_arrays(x, self.network.graph.inputs)

        def parts(values: Mapping[str, np.ndarray], join: Callable[[list[np.ndarray]], np.ndarray]) -> Any:
            return batch.restore([join([values[door] for door in doors]) for doors in self._doors.values()])

        return scores.replace(
            contributions=parts(scores.contributions, lambda each: np.stack(each, axis) * len(each)),
            multipliers=parts(scores.multipliers, lambda each: np.sum(each, axis=0)),
            hypothetical=None
            if scores.hypothetical is None
            else parts(scores.hypothetical, lambda each: np.sum(each, axis=0)),
        )
