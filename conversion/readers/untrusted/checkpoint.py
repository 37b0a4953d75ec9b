"""TensorFlow checkpoints opened as data: arrays by their path in the object graph."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.keras2.layouts import Array
from deeplift_tf.conversion.readers.untrusted.limits import too_much
from deeplift_tf.errors import ModelFileError

OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""Under this key a checkpoint says which object is part of which, and where its arrays are."""

VALUE = "VARIABLE_VALUE"


class Checkpoint:
    """A checkpoint, once what it declares was compared with what it stores.

    Parameters
    ----------
    prefix : Path
        Of its files: ``prefix.index``, ``prefix.data-00000-of-00001``.

    Raises
    ------
    ModelFileError
        If it declares far more than it stores, or a pipe is in the place of a file.
    Exception
        Of TensorFlow, where it is damaged.
    """

    def __init__(self, prefix: Path) -> None:
        files = list(prefix.parent.glob(f"{glob.escape(prefix.name)}.*"))
        for file in files:
            if not file.is_file():  # a pipe would never end
                raise ModelFileError(f"{file}: expected a file of a checkpoint; found something that is no file")
        self.reader = tf.train.load_checkpoint(str(prefix))
        self.shapes: Mapping[str, Sequence[int]] = self.reader.get_variable_to_shape_map()
        types = self.reader.get_variable_to_dtype_map()
        stored = sum(file.stat().st_size for file in files)
        declared = sum(prod(shape) * max(types[key].size or 1, 1) for key, shape in self.shapes.items())
        if too_much(declared, stored):
            raise ModelFileError(
                f"{prefix}: expected arrays that fit files of {stored} bytes; found {declared} bytes declared"
            )

    def objects(self) -> Any:
        """Return the object graph, a TrackableObjectGraph."""
        from tensorflow.core.protobuf import trackable_object_graph_pb2

        return trackable_object_graph_pb2.TrackableObjectGraph.FromString(self.reader.get_tensor(OBJECTS))

    def array(self, key: str) -> Array:
        """Read one array."""
        return np.asarray(self.reader.get_tensor(key))

    def size(self, key: str) -> int:
        """Return the number of elements of one array."""
        return prod(self.shapes[key])

    def keys(self, nodes: Sequence[Any]) -> dict[int, str]:
        """Return the key of every variable among the nodes of a SavedModel's own object graph.

        Objects are matched by the names that lead to them from the root, as TensorFlow does when it restores.
        """
        stored = self.objects().nodes
        same, open_pairs = {0: 0}, [(0, 0)]
        while open_pairs:
            own, other = open_pairs.pop()
            inside = {child.local_name: child.node_id for child in stored[other].children}
            for child in nodes[own].children:
                if child.local_name in inside and child.node_id not in same:
                    same[child.node_id] = inside[child.local_name]
                    open_pairs.append((child.node_id, inside[child.local_name]))
        return {
            own: value.checkpoint_key
            for own, other in same.items()
            for value in stored[other].attributes
            if value.name == VALUE
        }
