"""What the Keras at hand has: tests of what came later are left out."""

from __future__ import annotations

import keras
import pytest

keras_version = tuple(int(part) for part in keras.__version__.split(".")[:2])


def since_keras(major: int, minor: int, what: str) -> pytest.MarkDecorator:
    """Skip a test on versions of Keras that lack what it needs."""
    return pytest.mark.skipif(keras_version < (major, minor), reason=f"needs Keras {major}.{minor}: {what}")
