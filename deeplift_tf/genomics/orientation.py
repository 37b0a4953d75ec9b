"""Which axes of an output count positions of the sequence, so that a target can be turned to the other strand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from deeplift_tf.graph.graph import Edge, Graph, Node
from deeplift_tf.layers.functional import RoutingFunction
from deeplift_tf.layers.reshaping import Permute

Sizes = tuple[int | None, ...]


class Orientation:
    """Follows the axes of a network's values back to the inputs.

    Parameters
    ----------
    graph : Graph
    letters_axis : int
        The axis of the inputs that counts letters or tracks; all others behind the axis of rows count positions.
    """

    def __init__(self, graph: Graph, letters_axis: int = -1) -> None:
        self.graph, self.letters_axis = graph, letters_axis
        self._makers = {edge: node for node in graph.nodes for edge in node.outputs}
        self._known: dict[Edge, frozenset[int]] = {}

    def position_axes(self, edge: Edge) -> frozenset[int]:
        """Return the axes of a value, the axis of rows counted as 0, that count positions of an input."""
        for node in self.graph.ancestors([edge]):  # from the inputs on, so that no recursion is deep
            for made in node.outputs:
                if made not in self._known:
                    self._known[made] = self._of_node(node, made)
        return self._of(edge)

    def flattened(self, edge: Edge) -> bool:
        """Whether a value of one axis counts positions: an output for each position, or a profile laid flat."""
        return self.graph.shape(edge).rank == 2 and bool(self.position_axes(edge))

    def _of(self, edge: Edge) -> frozenset[int]:
        if edge in self._makers:
            return self._known[edge]
        rank = self.graph.shape(edge).rank or 0
        return frozenset(range(1, rank)) - {self.letters_axis % rank} if rank > 2 else frozenset()

    def _of_node(self, node: Node, made: Edge) -> frozenset[int]:
        shape = _sizes(self.graph, made)
        found = [_carried(node, shape, _sizes(self.graph, edge), self._of(edge)) for edge in node.inputs]
        return frozenset(itertools.chain(*found))


def _sizes(graph: Graph, edge: Edge) -> Sizes:
    return tuple(graph.shape(edge).as_list())


def _carried(node: Node, made: Sizes, read: Sizes, positions: frozenset[int]) -> frozenset[int]:
    """Return the axes of what a node makes in which the position axes of what it reads are found again."""
    if isinstance(node.layer, Permute):
        return frozenset(axis for axis, source in enumerate(node.layer.axes) if source in positions)
    if len(made) == len(read):
        if node.layer.kind == "Linear" and len(made) == 2:
            return frozenset()  # a Dense layer: every unit sees all positions
        turned = made != read and sorted(map(str, made)) == sorted(map(str, read)) and node.layer.kind == "Routing"
        return _by_size(made, read, positions) if turned else positions
    if node.layer.kind in ("Linear", "Recurrent"):
        return frozenset(axis for axis in _leading(made, read) if axis in positions)
    carried = _reshaped(made, read, positions) or frozenset(axis for axis in _leading(made, read) if axis in positions)
    unknown = isinstance(node.layer, RoutingFunction) and len(made) < len(read) and _in_order(made, read) is None
    return frozenset({1}) if unknown and positions and not carried else carried


def _leading(made: Sizes, read: Sizes) -> list[int]:
    """Return the first axes as long as they are of equal sizes: a layer that mixes the last ones leaves them alone."""
    same = itertools.takewhile(lambda sizes: sizes[0] == sizes[1], zip(made[1:], read[1:], strict=False))
    return [axis for axis, _ in enumerate(same, 1)]


def _by_size(made: Sizes, read: Sizes, positions: frozenset[int]) -> frozenset[int]:
    """Return the axes of a transposed value that may be position axes, by their sizes."""
    sizes = {read[axis] for axis in positions}
    return frozenset(axis for axis, size in enumerate(made) if axis and size in sizes)


def _reshaped(made: Sizes, read: Sizes, positions: frozenset[int]) -> frozenset[int]:
    """Return the position axes after a change of rank: axes come and go in order, or all are laid flat into one."""
    pairs = _in_order(made, read)
    if pairs is not None:
        return frozenset(axis for axis, source in pairs if source in positions)
    long = any(read[axis] != 1 for axis in positions)
    flat = None in read[1:] or math.prod(made[1:], start=1) == math.prod(read[1:], start=1)  # type: ignore[arg-type]
    return frozenset({1}) if long and flat and len(made) < len(read) else frozenset()


def _in_order(made: Sizes, read: Sizes) -> Sequence[tuple[int, int]] | None:
    """Return pairs of equal axes (of what is made, of what is read), in order, where the shorter shape has them all."""
    short, other = (made, read) if len(made) < len(read) else (read, made)
    pairs, start = [], 1
    for axis, size in enumerate(short[1:], 1):
        if size == 1:
            continue
        place = next((at for at in range(start, len(other)) if other[at] == size), None)
        if place is None:
            return None
        pairs.append((axis, place))
        start = place + 1
    return pairs if short is made else [(place, axis) for axis, place in pairs]
