"""What a target means that is given by the name of a head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADS = ("counts", "profile")


def resolved(
    target: int | tuple[int, ...] | str, output: str | None, shapes: Mapping[str, tuple[int | None, ...]]
) -> tuple[Any, str | None]:
    """Return a target and its output as a scoring function takes them.

    Parameters
    ----------
    target : int, tuple of int or str
        "counts" is the sum of the counts head, "profile" that of the profile's logits less their mean, weighted by
        their softmax.
    output : str, optional
        The output that the user has named.
    shapes : mapping of str to tuple
        The outputs of the network.
    """
    if target not in HEADS:
        return target, output
    from deeplift_tf.genomics.targets import counts, head_of, profile

    return {"counts": counts, "profile": profile}[str(target)], output or head_of(str(target), shapes)


def label_of(target: int | tuple[int, ...] | str) -> str:
    """Return the name of a target in files: counts, profile, predicted, target_3 or target_3_0."""
    if isinstance(target, str):
        return target
    return "_".join(["target", *(str(part) for part in (target if isinstance(target, tuple) else (target,)))])
