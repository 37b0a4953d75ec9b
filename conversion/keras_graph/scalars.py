"""Scalar outputs of a layer, such as a flag or a number: they become constants, or the layer is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.keras_graph.layer_call import LayerCall
from deeplift_tf.conversion.keras_graph.tracing import assigning, traced
from deeplift_tf.errors import UnsupportedLayerError

OPEN = 8  # size of open axes in the input that tells whether a value is constant


def without_scalars(use: LayerCall, ranks: Sequence[int]) -> LayerCall:
    """Return a use that returns only the values that have rows.

    Parameters
    ----------
    use : LayerCall
    ranks : sequence of int
        Of each output.
    """
    kept = [index for index, rank in enumerate(ranks) if rank]

    def call(*arguments: Any) -> Any:
        made = keras.tree.flatten(use.call(*arguments))
        return made[kept[0]] if len(kept) == 1 else [made[index] for index in kept]

    shapes, dtypes = ([each[index] for index in kept] for each in (use.output_shapes, use.output_dtypes))
    return use._replace(call=call, output_shapes=tuple(shapes), output_dtypes=tuple(dtypes))


def scalar_values(use: LayerCall, wanted: Sequence[int], dtype: tf.DType) -> dict[int, Any]:
    """Return the values of outputs without rows, by their index.

    Parameters
    ----------
    use : LayerCall
    wanted : sequence of int
        Indices of the outputs.
    dtype : tf.DType

    Raises
    ------
    UnsupportedLayerError
        If one depends on the rows or changes from call to call: its row is then unknown.
    """
    if not wanted:
        return {}
    function, _ = traced(use.operation, use.call, use.specs, dtype, use.fixed_rows)
    if assigning(function.function):
        raise UnsupportedLayerError("returns a value without rows and changes variables while it runs")
    rows = use.fixed_rows or 2
    found = [
        keras.tree.flatten(function.function(*(rows_of(spec, seed, rows) for spec in use.specs))) for seed in (0, 1)
    ]
    values = {}
    for index in wanted:
        one, other = (np.asarray(made[index]) for made in found)
        if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            raise UnsupportedLayerError(
                "returns one value for all rows that depends on the rows: expected a constant, or a value for each row"
            )
        values[index] = one
    return values


def rows_of(spec: tf.TensorSpec, seed: int, rows: int) -> tf.Tensor:
    """Return rows that a function may be tried on."""
    shape = [rows, *(OPEN if size is None else size for size in spec.shape[1:])] if spec.shape.rank else []
    values = np.random.default_rng(seed).uniform(0, 2, shape)
    return tf.constant(values.astype(str), tf.string) if spec.dtype == tf.string else tf.cast(values, spec.dtype)
