"""Symbolic tensors of Keras, made without side effects in the user's session."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras

NUMBERS = itertools.count()  # two inputs of one graph must not share a name


def symbol(shape: Sequence[int | None], dtype: str) -> Any:
    """Return a symbolic tensor, whose shape counts the axis of rows."""
    with names_as_before():
        return keras.Input(batch_shape=tuple(shape), dtype=dtype, name=f"deeplift_{next(NUMBERS)}")


@contextlib.contextmanager
def names_as_before() -> Iterator[None]:
    """Keep the numbers of Keras's automatic names as they are, for the layers that a user makes afterwards."""
    from keras.src.backend.common import global_state

    held = global_state.get_global_attribute("object_name_uids")
    before = None if held is None else dict(held)
    try:
        yield
    finally:
        now = global_state.get_global_attribute("object_name_uids")
        if now is not None:
            now.clear()
            now.update(before or {})
