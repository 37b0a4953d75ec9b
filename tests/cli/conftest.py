"""Small models and inputs in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a convolutional model, one of two inputs, and rows for both."""
    import keras

    folder = tmp_path_factory.mktemp("files")
    keras.utils.set_random_seed(1)
    layers = keras.layers
    x = keras.Input((12, 4), name="x")
    y = layers.Flatten()(layers.Conv1D(3, 5, activation="relu", name="conv")(x))
    keras.Model(x, layers.Dense(2, activation="sigmoid", name="head")(y)).save(folder / "one.keras")
    dose = keras.Input((3,), name="dose")
    both = layers.Concatenate()([y, dose])
    keras.Model([x, dose], layers.Dense(2, name="head")(both)).save(folder / "two.keras")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 12, 4)).astype("float32")
    np.save(folder / "x.npy", rows)
    np.savez(folder / "two.npz", x=rows, dose=rng.normal(size=(50, 3)).astype("float32"))
    return folder
