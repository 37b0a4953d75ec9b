"""Positions of an output that a target may name; needs no TensorFlow, so that a wrong one is told before it starts."""

from __future__ import annotations

from deeplift_tf.errors import TargetError


def checked_position(position: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the position of an output, once it is one.

    Parameters
    ----------
    position : tuple of int
    shape : tuple of int
        Of the output, the axis of rows left out; an output of one number has the position 0.

    Raises
    ------
    TargetError
        If it has another number of axes, or lies beyond one.
    """
    position = () if not shape and position == (0,) else position
    if len(position) != len(shape):
        raise TargetError(
            f"target: the output has shape {shape}, so a position is {len(shape)} integers; received {position}. "
            "For a sum over positions give an array of weights"
        )
    if not all(-size <= index < size for index, size in zip(position, shape, strict=True)):
        ranges = ", ".join(map(indices_of, shape))
        raise TargetError(f"target: expected a position in {ranges} of the output's shape {shape}; received {position}")
    return position


def indices_of(size: int) -> str:
    """Return the indices of an axis in words."""
    return f"0 to {size - 1}" if size > 1 else "0"


def several_outputs(names: list[str]) -> TargetError:
    """Return the exception for a target without an output, where there are several."""
    return TargetError(f"the model has several outputs, {', '.join(names)}; name one: output=...")
