"""Frames: a graph, and each call of the functions that it calls, which are read and never run."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, NamedTuple

from deeplift_tf.conversion.readers.graph_model import node_of
from deeplift_tf.conversion.readers.untrusted.limits import MAX_WALKED
from deeplift_tf.errors import ModelFileError


class TensorSource(NamedTuple):
    """Where a tensor comes from: the node that makes it, which of its outputs it is, and the frame of the node."""

    node: Any
    output: int
    frame: Frame


class Frame(NamedTuple):
    """A graph, or one call of a function.

    Attributes
    ----------
    function : str
        Name of the function; empty for the graph itself.
    nodes : mapping of str to NodeDef
    arguments : mapping of str to TensorSource or None
        What the arguments of the function stand for.
    through : collection of str
        Operations that hand on their first input.
    """

    function: str
    nodes: Mapping[str, Any]
    arguments: Mapping[str, TensorSource | None]
    through: Container[str]

    def source(self, tensor: str) -> TensorSource | None:
        """Return where a tensor comes from; None where nothing in the graph makes it."""
        for _ in range(len(self.nodes) + 1):
            name = node_of(tensor)
            if name in self.arguments:
                return self.arguments[name]
            node = self.nodes.get(name)
            if node is None:
                return None
            if node.op not in self.through or not node.input:
                index = tensor.rpartition(":")[2] if ":" in tensor else "0"
                return TensorSource(node, int(index), self)
            tensor = node.input[0]
        return None


def frames(graph: Any, through: Container[str], enters: Callable[[Frame, Any], bool]) -> Iterator[Frame]:
    """Yield a graph, then each function as often as it is called.

    Parameters
    ----------
    graph : GraphDef
    through : collection of str
        Operations that hand on their first input.
    enters : callable
        A frame, and a node in it that calls a function -> whether to go on into the function.

    Raises
    ------
    ModelFileError
        If that means far more nodes than any real file has: a few functions that call one another twice make 2^n.
    """
    functions = {function.signature.name: function for function in graph.library.function}
    nodes = {name: {node.name: node for node in function.node_def} for name, function in functions.items()}
    left, waiting = MAX_WALKED, [Frame("", {node.name: node for node in graph.node}, {}, through)]
    for frame in waiting:  # which grows
        yield frame
        for node in frame.nodes.values():
            called = function_called(node)
            if called not in functions or not enters(frame, node):
                continue
            left -= 1 + len(nodes[called])
            if left < 0:
                raise ModelFileError(f"expected functions of at most {MAX_WALKED} nodes in all their calls; found more")
            given = [frame.source(ref) for ref in node.input if not ref.startswith("^")]
            names = [argument.name for argument in functions[called].signature.input_arg]
            waiting.append(Frame(called, nodes[called], dict(zip(names, given, strict=False)), through))


def function_called(node: Any) -> str:
    """Return the name of the function that a node calls; empty where it calls none."""
    return node.attr["f"].func.name if "f" in node.attr else ""
