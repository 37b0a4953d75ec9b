"""The variables of a SavedModel, read from its checkpoint without loading the SavedModel.

A SavedModel carries a function that restores it: TensorFlow Serving runs it, here it is read. It says which key of
the checkpoint goes into which variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.graph_model import VARIABLES, node_of
from deeplift_tf.conversion.readers.untrusted.checkpoint import Checkpoint
from deeplift_tf.conversion.readers.untrusted.limits import MAX_CALLS
from deeplift_tf.errors import ModelFileError

SAME = ("Identity", "Cast", "ReadVariableOp")
Found = tuple[str, str]
"""("variable", its node) or ("stored", a key of the checkpoint)."""


class Frame(NamedTuple):
    """The nodes of a graph or of a function, with what the arguments of the function stand for."""

    nodes: Mapping[str, Any]
    arguments: Mapping[str, Found | None]

    def follow(self, tensor: str) -> Found | None:
        """Return where a tensor comes from; None where that is neither a variable nor the checkpoint."""
        for _ in range(len(self.nodes) + 1):
            name = node_of(tensor)
            if name in self.arguments:
                return self.arguments[name]
            node = self.nodes.get(name)
            if node is None or not (node.input or node.op in VARIABLES):
                return None
            if node.op in VARIABLES:
                return "variable", name
            if node.op == "RestoreV2":
                return self.stored(node, tensor)
            if node.op not in SAME:
                return None
            tensor = node.input[0]
        return None

    def stored(self, node: Any, tensor: str) -> Found | None:
        """Return the key that an output of RestoreV2 is read from; None for a slice of what is stored."""
        index = int(tensor.rpartition(":")[2]) if ":" in tensor else 0
        keys, slices = (self.texts(ref) for ref in node.input[1:3])
        return None if index >= len(keys) or any(slices[index : index + 1]) else ("stored", keys[index])

    def texts(self, tensor: str) -> list[str]:
        """Return the texts of a constant."""
        node = self.nodes[node_of(tensor)]
        return [text.decode() for text in tf.make_ndarray(node.attr["value"].tensor).ravel()]


def keys_of(meta: Any) -> dict[str, str]:
    """Return the checkpoint's key of every variable of a meta graph, by the variable's node."""
    functions = {function.signature.name: function for function in meta.graph_def.library.function}
    main = Frame({node.name: node for node in meta.graph_def.node}, {})
    restore = node_of(meta.saver_def.restore_op_name)
    found = dict(_pairs(main, functions, restore, [MAX_CALLS]))
    return {source: found[copy] for copy, source in _copies(main) if copy in found} | found


def _copies(frame: Frame) -> Iterator[tuple[str, str]]:
    """Return each variable that starts as another, and that one.

    tf.saved_model.save on a module that holds a Keras model writes every variable of Keras twice: functions read the
    one, and the other, whose initial value it is, is what the checkpoint goes into.
    """
    for node in frame.nodes.values():
        if node.op in ("AssignVariableOp", "Assign") and len(node.input) > 1:
            ends = [frame.follow(ref) for ref in node.input[:2]]
            if all(end is not None and end[0] == "variable" for end in ends):
                yield ends[0][1], ends[1][1]  # type: ignore[index]


def _pairs(frame: Frame, functions: Mapping[str, Any], only: str | None, left: list[int]) -> Iterator[tuple[str, str]]:
    for node in frame.nodes.values():
        if node.op in ("AssignVariableOp", "Assign") and len(node.input) > 1:
            ends = [frame.follow(ref) for ref in node.input[:2]]
            if ends[0] and ends[1] and [end[0] for end in ends if end] == ["variable", "stored"]:
                yield ends[0][1], ends[1][1]
        called = functions.get(node.attr["f"].func.name) if "f" in node.attr else None
        if called is None or (only is not None and node.name != only):
            continue
        left[0] -= 1
        if left[0] < 0:
            raise ModelFileError(f"expected functions that call at most {MAX_CALLS} others; found more")
        given = [frame.follow(ref) for ref in node.input if not ref.startswith("^")]
        names = [argument.name for argument in called.signature.input_arg]
        inner = Frame({each.name: each for each in called.node_def}, dict(zip(names, given, strict=False)))
        yield from _pairs(inner, functions, None, left)


class SavedVariables(Mapping[str, np.ndarray]):
    """Arrays of the checkpoint, by the nodes that stand for the variables; each is read when it is asked for.

    Parameters
    ----------
    folder : Path
        Of the SavedModel.
    keys : mapping of str to str
        The checkpoint's key of each variable.
    """

    def __init__(self, folder: Path, keys: Mapping[str, str]) -> None:
        self.folder, self.keys_of = folder, dict(keys)
        self.prefix = folder / "variables" / "variables"
        self._checkpoint: Checkpoint | None = None

    def __getitem__(self, name: str) -> np.ndarray:
        """Read one variable."""
        checkpoint, key = self.checkpoint(), self.keys_of.get(name)
        if key is None or key not in checkpoint.shapes:
            raise ModelFileError(
                f"{self.folder}: expected the variable {name!r} in {self.prefix.relative_to(self.folder)}; found "
                f"{len(checkpoint.shapes)} others. Export the model again"
            )
        return checkpoint.array(key)

    def checkpoint(self) -> Checkpoint:
        """Open the checkpoint once; nothing is read before its sizes are looked at."""
        if self._checkpoint is None:
            index = self.prefix.with_name("variables.index")
            if not index.is_file():
                raise ModelFileError(f"{self.folder}: expected the weights in {index.name}; found no such file")
            self._checkpoint = Checkpoint(self.prefix)
        return self._checkpoint

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys_of)

    def __len__(self) -> int:
        return len(self.keys_of)
