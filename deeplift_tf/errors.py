"""Exceptions of the package, whose messages say what to do, and the category of its warnings."""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any

from deeplift_tf.printable import printable

TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # Keras writes its messages in bold


class DeepLiftError(Exception):
    """Base class of every error that the package raises on purpose.

    Codes of terminals are left out of its text, and other control characters, as files have them in names, written out.
    """

    def __init__(self, *args: object, **others: Any) -> None:
        super().__init__(*(_plain(each) if isinstance(each, str) else each for each in args), **others)


def _plain(text: str) -> str:
    return printable(TERMINAL_CODE.sub("", text), keep="\n\t")


class ModelFileError(DeepLiftError, OSError):
    """A model file is missing, truncated, or not of the format that was expected."""


class UnsafeModelError(DeepLiftError, PermissionError):
    """A model file asks for code to be run, and the user has not allowed it."""


class UnsupportedLayerError(DeepLiftError, NotImplementedError):
    """Layers that cannot be converted; the message lists all of them at once."""


class InputError(DeepLiftError, ValueError):
    """An input array has the wrong shape, dtype or number of parts, or holds NaN or infinity."""


class ReferencesError(DeepLiftError, ValueError):
    """References do not match the input."""


class TargetError(DeepLiftError, ValueError):
    """A target does not name a position of the output, or does not have its shape."""


class LayerNameError(DeepLiftError, KeyError):
    """No layer of the network has this name."""

    def __str__(self) -> str:  # KeyError would print the message quoted
        return str(self.args[0])


class RuleError(DeepLiftError, ValueError):
    """A rule is unknown, or is given to a layer that is not there."""


class MethodError(DeepLiftError, ValueError):
    """A method is unknown, or its settings are not those that it has."""


class OutputFileError(DeepLiftError, OSError):
    """An output file cannot be written, or holds the results of another run."""


class WorkerError(DeepLiftError, RuntimeError):
    """Workers of a distributed run cannot be started, or have died."""


class MissingExtraError(DeepLiftError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class BackendError(DeepLiftError, ImportError):
    """Keras runs on another backend than TensorFlow; the message says what has chosen it."""


class DeepLiftWarning(UserWarning):
    """Category of the package's warnings: scores that rest on an assumption, or that do not sum to the difference."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(_plain(each) if isinstance(each, str) else each for each in args))


def warn(text: str) -> None:
    """Warn of what a user should know, at the line outside of this package that has led there."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and f"{frame.f_globals.get('__name__', '')}.".startswith("deeplift_tf."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, DeepLiftWarning, stacklevel=level)


def __dir__() -> list[str]:
    return sorted(name for name, value in globals().items() if getattr(value, "__module__", None) == __name__)
