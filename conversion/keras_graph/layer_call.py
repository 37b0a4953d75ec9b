"""One call of a Keras layer or operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.graph.graph import Edge, LayerUse


class LayerCall(NamedTuple):
    """One use of a Keras layer or operation in a model.

    Attributes
    ----------
    operation : keras.Layer or keras.Operation
    inputs : tuple of Edge
    specs : tuple of tf.TensorSpec
        Of the inputs, the axis of rows open.
    call : callable
        (operation, *tensors) -> outputs, with the further arguments that the model gives.
    output_shapes : tuple of tuple
        As Keras knows them.
    arguments : tuple of (tuple, dict)
        All that it is called with: symbols that stand for the inputs, and constants.
    symbols : tuple of keras.KerasTensor
        Those of the inputs, in their order.
    output_dtypes : tuple of tf.DType
    uses : tuple of LayerUse
        Which use of the layer it is, behind those of the models around it.
    fixed_rows : int or None
        The number of rows that its code is written for, if it runs on no other.
    """

    operation: Any
    inputs: tuple[Edge, ...]
    specs: tuple[tf.TensorSpec, ...]
    call: Callable[..., Any]
    output_shapes: tuple[tuple[int | None, ...], ...]
    arguments: tuple[Any, Any] = ((), {})
    symbols: tuple[Any, ...] = ()
    output_dtypes: tuple[tf.DType, ...] = (tf.float32,)
    uses: tuple[LayerUse, ...] = ()
    fixed_rows: int | None = None
