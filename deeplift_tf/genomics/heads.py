"""Heads of profile models: which output "counts" and "profile" are about; needs no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping

from deeplift_tf.errors import TargetError

Shapes = Mapping[str, tuple[int | None, ...]]


def head_of(target: str, shapes: Shapes) -> str | None:
    """Return the output that "counts" or "profile" is about: the one of that name, else the only one of its shape.

    Parameters
    ----------
    target : str
    shapes : mapping of str to tuple
        The outputs of a model, with their axis of rows.

    Returns
    -------
    str or None
        None where there is only one.

    Raises
    ------
    TargetError
        If it is not clear which.
    """
    if len(shapes) == 1:
        return None
    named = [name for name in shapes if names_head(target, name)]
    fitting = [name for name, shape in shapes.items() if (size_of(shape) == 1) == (target == "counts")]
    both = [name for name in named if name in fitting]
    exact = [name for name in named if name.lower() == target]
    for found in (exact, named, both, [] if named else fitting):
        if len(found) == 1:
            return found[0]
    raise TargetError(f"target {target!r}: unclear which output is meant; name one with `output`: {', '.join(shapes)}")


def names_head(target: str, name: str) -> bool:
    """Whether the name of an output says that it is the counts head, or the profile head."""
    (other,) = {"counts", "profile"} - {target}
    return target.removesuffix("s") in name.lower() and other.removesuffix("s") not in name.lower()


def size_of(shape: tuple[int | None, ...]) -> int | None:
    """Return how many values an output has for each row; None where an axis is open."""
    sizes = [size for size in shape[1:] if size is not None]
    return math.prod(sizes) if len(sizes) == len(shape) - 1 else None


def meaning_of(target: str, output: str | None, shapes: Shapes) -> str:
    """Return what "counts" or "profile" means to an output whose name does not say so; empty where it does.

    Parameters
    ----------
    target : str
    output : str or None
        The output that was found; None for the only one.
    shapes : mapping of str to tuple

    Raises
    ------
    TargetError
        If a profile would have a single position.
    """
    name = next(iter(shapes)) if output is None else output
    shape = shapes.get(name)
    if shape is None:
        return ""  # an inner layer, which the user has named
    size = size_of(shape)
    if target == "profile" and size == 1:
        raise TargetError(
            f"target 'profile': expected an output of several positions; {name!r} has the shape {shape}. Name the "
            "profile head with `output`, or take 'counts'"
        )
    if names_head(target, name):
        return ""
    values = "the one value" if size == 1 else f"the sum of all {size or 'its'} values"
    what = {
        "counts": f"{values} of {name!r}, shape {shape}",
        "profile": f"all {size or 'its'} values of {name!r}, shape {shape}, taken as one distribution",
    }[target]
    return f"target {target!r}: no output is named so; scored is {what}. `target` takes an index, `output` another head"
