"""Target names: what "counts" and "profile" mean, and what a target is called in files."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

logger = logging.getLogger("deeplift_tf")

HEADS = ("counts", "profile")

Target = int | tuple[int, ...] | str


class Task(NamedTuple):
    """A target: its name in files, and what the scoring function is told."""

    label: str
    target: Any
    output: str | None


def task(target: Target, output: str | None, shapes: Mapping[str, tuple[int | None, ...]], members: int = 0) -> Task:
    """Return what a target means to a network.

    Parameters
    ----------
    target : int, tuple of int or str
        "counts" is the sum of the counts head, "profile" that of the profile's logits less their mean, weighted by
        their softmax.
    output : str, optional
        The output that the user has named.
    shapes : mapping of str to tuple
        The outputs of the network.
    members : int
        Of an ensemble, in which "profile" is the mean of the members' own, each weighted by its own softmax.
    """
    if target not in HEADS:
        return Task(label_of(target), target, output)
    from deeplift_tf.genomics.heads import head_of, meaning_of
    from deeplift_tf.genomics.targets import counts, profile

    name, weights = str(target), {"counts": counts, "profile": profile}[str(target)]
    found = output or head_of(name, shapes)
    meaning = meaning_of(name, found, shapes)
    if meaning and output is None:
        logger.warning(meaning)
    head = next(iter(shapes)) if found is None else found
    if members and target == "profile" and head in shapes:
        from deeplift_tf.network.ensembles import EACH, EachFold

        return Task(label_of(target), EachFold(weights), f"{head}/{EACH}")
    return Task(label_of(target), weights, found)


def label_of(target: Target) -> str:
    """Return the name of a target in files: counts, profile, predicted, target_3 or target_3_0."""
    if isinstance(target, str):
        return target
    return "_".join(["target", *(str(part) for part in (target if isinstance(target, tuple) else (target,)))])
