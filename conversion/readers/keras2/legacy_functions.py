"""Functions of Keras 1 and 2 that compute something else in Keras 3 under the same name."""

from __future__ import annotations

from typing import Any

import keras

from deeplift_tf.conversion.readers.keras2.upgrades import OLD_HARD_SIGMOID


def hard_sigmoid_of_keras_2(x: Any) -> Any:
    """Compute clip(0.2 x + 0.5, 0, 1), the hard_sigmoid of Keras 1 and 2.

    Parameters
    ----------
    x : tensor, any shape
        The input.

    Returns
    -------
    tensor
        Of the shape of `x`.
    """
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


LEGACY_FUNCTIONS = {OLD_HARD_SIGMOID: hard_sigmoid_of_keras_2}
"""By the names that `upgrades` writes into configs."""
