"""What the Keras at hand has: tests of what came later are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    import pytest

keras_version = tuple(int(part) for part in keras.__version__.split(".")[:2])


def since_keras(major: int, minor: int, what: str) -> pytest.MarkDecorator:
    """Skip a test on versions of Keras that lack what it needs."""
    import pytest  # here: the benchmarks make their models with the tests' own helpers, and run no test

    return pytest.mark.skipif(keras_version < (major, minor), reason=f"needs Keras {major}.{minor}: {what}")
