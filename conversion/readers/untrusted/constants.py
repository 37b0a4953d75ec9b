"""Constants of TensorFlow's files as arrays: one number may stand for all, so that a few bytes may declare any size."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.untrusted.limits import too_much
from deeplift_tf.errors import ModelFileError


def array_of(node: Any) -> np.ndarray[Any, Any]:
    """Return the value of a node of the kind Const.

    Raises
    ------
    ModelFileError
        If it declares far more than it stores.
    """
    check_tensor(node.attr["value"].tensor, f"constant {node.name!r}")
    array: np.ndarray[Any, Any] = tf.make_ndarray(node.attr["value"].tensor)
    return array


def check_tensor(tensor: Any, what: str) -> None:
    """Refuse a tensor that declares far more than it stores.

    Parameters
    ----------
    tensor : TensorProto
    what : str
        What it is, for messages.

    Raises
    ------
    ModelFileError
    """
    shape = [axis.size for axis in tensor.tensor_shape.dim]
    if too_much(prod(shape) * (tf.as_dtype(tensor.dtype).size or 8), tensor.ByteSize()):
        raise ModelFileError(
            f"{what}: expected values that fit {tensor.ByteSize()} bytes; found the shape {shape}, in which one value "
            "stands for many"
        )


def check_tensors(message: Any, what: str) -> None:
    """Refuse a message that holds such a tensor anywhere.

    Raises
    ------
    ModelFileError
    """
    if message.DESCRIPTOR.name == "TensorProto":
        check_tensor(message, what)
        return
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if field.message_type.GetOptions().map_entry:
            parts = [each for each in value.values() if hasattr(each, "ListFields")]
        else:
            parts = [value] if hasattr(value, "ListFields") else list(value)
        for part in parts:
            check_tensors(part, what)
