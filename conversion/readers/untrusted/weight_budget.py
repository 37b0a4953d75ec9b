"""The weight budget: how many numbers the variables of a model may have while Keras builds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.untrusted.limits import MAX_WEIGHT_FACTOR, SPARE_WEIGHTS
from deeplift_tf.errors import ModelFileError


class WeightBudget:
    """Counts the elements of all variables before their memory is taken: kernels, LoRA factors, scales, states, seeds.

    Parameters
    ----------
    path : object
        The file, for messages.
    stored : int
        Elements of all the arrays in the file.
    """

    def __init__(self, path: object, stored: int) -> None:
        self.path, self.stored = path, stored
        self.left = MAX_WEIGHT_FACTOR * stored + SPARE_WEIGHTS
        self.layer = ""

    def take(self, shape: tuple[int, ...], name: str) -> None:
        """Count one variable.

        Raises
        ------
        ModelFileError
            If the variables hold far more than the file.
        """
        self.left -= abs(prod(shape))
        if self.left < 0:
            place = f"in layer {self.layer!r}" if self.layer else f"called {name!r}"
            raise ModelFileError(
                f"{self.path}: expected about the {self.stored} weights that the file holds; found a weight of "
                f"shape {shape} {place}, which is more"
            )

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count every variable that TensorFlow makes inside, in this thread."""
        sketch = tf.Graph()

        def count(make: Callable[..., Any], **arguments: Any) -> Any:
            self.layer = ""
            self.take(shape_of(arguments.get("initial_value"), sketch), str(arguments.get("name") or "variable"))
            return make(**arguments)

        with tf.variable_creator_scope(count):
            yield

    def initializer(self) -> type[keras.initializers.Initializer]:
        """Return an initializer of zeros that knows its layer; the weights of the file replace the zeros."""
        budget = self

        class StoredWeight(keras.initializers.Initializer):
            """Zeros, until the weights of the file are assigned."""

            def __init__(self, layer: str) -> None:
                self.layer = layer

            def __call__(self, shape: tuple[int, ...], dtype: Any = None, **_: Any) -> Any:
                budget.layer = self.layer
                return keras.ops.zeros(shape, dtype)

            def get_config(self) -> dict[str, Any]:
                return {"layer": self.layer}

        return StoredWeight


def shape_of(value: Any, sketch: tf.Graph) -> tuple[int, ...]:
    """Return the shape of the first value of a variable; an initializer is traced in a graph that never runs."""
    if callable(value):
        with sketch.as_default():
            value = value()
    return tuple(int(size or 0) for size in getattr(value, "shape", np.shape(value)))
