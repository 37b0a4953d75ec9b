"""Errors of other libraries, raised again with the name of the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deeplift_tf.errors import DeepLiftError, ModelFileError

MAX_QUOTED = 400
"""Characters quoted from another library's message; Keras puts whole configs into its own."""


@contextmanager
def reading(path: object, expected: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into a ModelFileError that names the file and what was expected of it.

    Raises
    ------
    ModelFileError
        From any exception that is not a DeepLiftError already.
    """
    try:
        yield
    except DeepLiftError:
        raise
    except Exception as error:
        if own := own_error(error):  # another library has put its own error around ours
            raise own from error
        raise ModelFileError(
            f"{path}: expected {expected}; found otherwise: {quoted(error)}. "
            "If the file opens in the Keras it was saved with, save it again there; else get a fresh copy of it"
        ) from error


def own_error(error: BaseException) -> DeepLiftError | None:
    """Return an error of this package that led to another error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DeepLiftError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def quoted(error: BaseException) -> str:
    """Return the kind of an error and the beginning of its message (in Keras's, of the innermost), on one line."""
    text = " ".join(str(error).rpartition("Exception encountered:")[2].split())
    if len(text) > MAX_QUOTED:
        text = f"{text[:MAX_QUOTED]} ..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
