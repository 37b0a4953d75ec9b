"""What the Keras at hand has: tests of what came later are left out."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    import pytest

keras_version = tuple(int(part) for part in keras.__version__.split(".")[:2])


def since_keras(major: int, minor: int, what: str) -> pytest.MarkDecorator:
    """Skip a test on versions of Keras that lack what it needs."""
    import pytest  # here: the benchmarks make their models with the tests' own helpers, and run no test

    return pytest.mark.skipif(keras_version < (major, minor), reason=f"needs Keras {major}.{minor}: {what}")


def exported(model: keras.Model, folder: Path) -> str:
    """Write the graph of a model, in silence where Keras has a word for it; return the folder."""
    words = {"verbose": False} if "verbose" in inspect.signature(model.export).parameters else {}
    model.export(folder, **words)
    return str(folder)
