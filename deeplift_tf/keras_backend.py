"""The Keras backend: must be TensorFlow; if a process has chosen another, the error names what chose it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from deeplift_tf.errors import BackendError

VARIABLE = "KERAS_BACKEND"
NEEDED = "tensorflow"


def require_tensorflow() -> None:
    """Refuse to go on where Keras runs, or would run, on another backend than TensorFlow; imports nothing.

    Raises
    ------
    BackendError
        Says what the cause is, and what to do about it.
    """
    running = running_backend()
    backend, cause, change = (running, "it was imported with it", restart()) if running else chosen_backend()
    if backend != NEEDED:
        raise BackendError(
            f"expected Keras to run on TensorFlow; found the backend {backend!r}: {cause}. {change}. "
            "Models that were saved under another backend open under TensorFlow all the same"
        )


def running_backend() -> str | None:
    """Return the backend of the Keras that is imported; None where none is, or not whole."""
    keras = sys.modules.get("keras")
    backend = getattr(getattr(keras, "config", None), "backend", None)
    return str(backend()) if backend else None


def restart() -> str:
    """Return what to do where Keras is imported already: a backend cannot be changed in a process."""
    given = os.environ.get(VARIABLE)
    named = f"{VARIABLE}={given} is set" if given else f"{settings()} may name it"
    return f"{named}; set {VARIABLE}={NEEDED}, and start Python again"


def chosen_backend() -> tuple[str, str, str]:
    """Return the backend that Keras will choose, what the cause is, and what to do about it."""
    if given := os.environ.get(VARIABLE):
        change = f"Unset it, or set {VARIABLE}={NEEDED}, before Keras is imported"
        return given, f"the environment has {VARIABLE}={given}", change
    path = settings()
    change = f'Write "backend": "{NEEDED}" there, or set {VARIABLE}={NEEDED} in the environment'
    return backend_in(path), f"the file {path} names it", change


def backend_in(path: Path) -> str:
    """Return the backend that a file of Keras's settings names; TensorFlow where it names none, as in Keras."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return NEEDED
    return str(found.get("backend") or NEEDED) if isinstance(found, dict) else NEEDED


def settings() -> Path:
    """Return the file of Keras's settings, which Keras looks for in the same places."""
    home = Path.home()
    folder = os.environ.get("KERAS_HOME") or (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
    return Path(folder).expanduser() / "keras.json"
