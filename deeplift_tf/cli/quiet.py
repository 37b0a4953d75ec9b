"""TensorFlow import without its startup messages."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from deeplift_tf.keras_backend import require_tensorflow

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def import_tensorflow() -> None:
    """Import TensorFlow quietly, unless the user has asked for its messages by a level of 0 or 1.

    Raises
    ------
    BackendError
        If Keras would run on another backend.
    """
    require_tensorflow()
    level = os.environ.setdefault(LEVEL, "3")
    if level in ("0", "1") or "tensorflow" in sys.modules:
        return
    if sys.stderr.isatty():
        print("note: starting TensorFlow, which takes some seconds", file=sys.stderr, flush=True)
    with _held_back():
        import tensorflow as tf

        tf.config.list_physical_devices()  # what it says about missing drivers belongs to the start too


@contextmanager
def _held_back() -> Iterator[None]:
    """Keep back what is written to file descriptor 2, also by C++ code; it is shown if an exception passes."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
