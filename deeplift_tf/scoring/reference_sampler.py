"""Reference samplers: functions of rows of x that treat every row on its own."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class ReferenceSampler:
    """Makes the references of rows of x, input by input; can be pickled.

    If there are several inputs, those of integers or strings are their own references, unless `any_kind` is set.

    Attributes
    ----------
    make : functools.partial
        Takes rows of one input, shape (N, ...), and returns their references, shape (N, ...) or (N, R, ...).
    any_kind : bool
        Whether it also makes references of integers and strings.
    """

    make: functools.partial[np.ndarray]
    any_kind: bool = False

    def __call__(self, x: Any) -> Any:
        """Return the references of rows of x in the structure of x."""
        if isinstance(x, Mapping):
            return {name: self._made(part) for name, part in x.items()}
        if isinstance(x, (list, tuple)):
            return [self._made(part) for part in x]
        return self.make(np.asarray(x))

    def _made(self, part: Any) -> np.ndarray:
        array = np.asarray(part)
        return self.make(array) if self.any_kind or array.dtype.kind == "f" else array

    def __str__(self) -> str:
        """Return the call that makes it, without arrays and without arguments that have their default values."""
        name = self.make.func.__name__.strip("_")
        maker = getattr(sys.modules[self.make.func.__module__], name, self.make.func)
        defaults = {each.name: each.default for each in inspect.signature(maker).parameters.values()}
        said = [
            f"{key}={value}"
            for key, value in self.make.keywords.items()
            if not hasattr(value, "shape") and value != defaults.get(key, inspect.Parameter.empty)
        ]
        return f"{name}({', '.join(said)})" if said else name


def generator(seed: int, content: np.ndarray) -> np.random.Generator:
    """Return the random numbers of one row: they do not depend on the row's position, batch or shard.

    Parameters
    ----------
    seed : int
    content : np.ndarray
        Values of the row, in a dtype that does not depend on the user's.
    """
    digest = hashlib.blake2b(np.ascontiguousarray(content).tobytes(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])
