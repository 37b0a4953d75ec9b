"""The variables of a SavedModel, read from its checkpoint without loading the SavedModel.

A SavedModel carries a function that restores it: TensorFlow Serving runs it, here it is read. It says which key of
the checkpoint goes into which variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deeplift_tf.conversion.readers.frames import Frame, TensorSource, frames
from deeplift_tf.conversion.readers.graph_model import VARIABLES, node_of
from deeplift_tf.conversion.readers.untrusted.checkpoint import Checkpoint
from deeplift_tf.conversion.readers.untrusted.constants import array_of
from deeplift_tf.errors import ModelFileError

SAME = ("Identity", "Cast", "ReadVariableOp")
ASSIGNING = ("AssignVariableOp", "Assign")


def keys_of(meta: Any) -> dict[str, str]:
    """Return the checkpoint's key of every variable of a meta graph, by the variable's node."""
    restore = node_of(meta.saver_def.restore_op_name)
    walked = frames(meta.graph_def, SAME, lambda frame, node: bool(frame.function) or node.name == restore)
    assigned = [pair for frame in walked for pair in _assigned(frame)]
    keys = ((variable, _key(value)) for variable, value in assigned)
    found = {variable: key for variable, key in keys if key is not None}
    # tf.saved_model.save on a module that holds a Keras model writes every variable of Keras twice: functions read the
    # one, and the other, whose initial value it is, is what the checkpoint goes into
    copies = [(variable, value.node.name) for variable, value in assigned if value.node.op in VARIABLES]
    return {source: found[copy] for copy, source in copies if copy in found} | found


def _assigned(frame: Frame) -> Iterator[tuple[str, TensorSource]]:
    """Yield the variables that are assigned to in a frame, and what is."""
    for node in frame.nodes.values():
        if node.op in ASSIGNING and len(node.input) > 1:
            variable, value = map(frame.source, node.input[:2])
            if variable is not None and variable.node.op in VARIABLES and value is not None:
                yield variable.node.name, value


def _key(source: TensorSource) -> str | None:
    """Return the key of the checkpoint that a tensor is read from; None for anything else, a slice of an array too."""
    if source.node.op != "RestoreV2":
        return None
    keys, slices = (_texts(source.frame.source(ref)) for ref in source.node.input[1:3])
    is_whole = source.output < len(keys) and not any(slices[source.output : source.output + 1])
    return keys[source.output] if is_whole else None


def _texts(source: TensorSource | None) -> list[str]:
    """Return the texts of a constant; none where a tensor is no constant."""
    is_constant = source is not None and source.node.op == "Const"
    return [text.decode() for text in array_of(source.node).ravel()] if is_constant else []  # type: ignore[union-attr]


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
