"""How cost grows with the batch, the length, the number of references and of targets."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from benchmarks.cases import SEVERAL, Case, data_of
from benchmarks.models import build
from benchmarks.ours import Ours
from benchmarks.timing import Thing, interleaved

BATCHES = (1, 4, 16, 32)
FACTORS = (0.75, 1, 2, 4)  # of the length
COUNTS = (1, 2, 5, 10, SEVERAL)  # of references and of targets
WHOLE = ("gradient", "rescale", "rescale_each", "reveal_cancel")
Points = Iterator[tuple[int, dict[str, Thing]]]


def grown(case: Case, repeats: int) -> dict[str, Any]:
    """Return for each axis the counts along it, and what was found of each thing at each of them.

    Returns
    -------
    dict
        batch, references, targets, and length of sequences: list of {"count": count, "things": as of `interleaved`}.
    """
    ours = ours_of(case._replace(batch=max(case.batch, *BATCHES)))
    axes = {"batch": batches(ours), "references": references(ours), "targets": targets(ours)}
    if case.sequence:
        axes["length"] = lengths(case)
    return {
        axis: [{"count": count, "things": working(interleaved(things, repeats))} for count, things in points]
        for axis, points in axes.items()
    }


def working(found: dict[str, Any]) -> dict[str, Any]:
    """Return what was found; there are no other packages here, which may refuse.

    Raises
    ------
    RuntimeError
        When a thing raised.
    """
    if failed := [each["failed"] for each in found.values() if "failed" in each]:
        raise RuntimeError(failed[0])
    return found


def ours_of(case: Case) -> Ours:
    """Return the network of a case with its data."""
    return Ours(case, build(case), data_of(case))


def whole(ours: Ours) -> dict[str, Thing]:
    """Return the things whose cost depends on the whole input."""
    made = ours.things()
    return {name: made[name]() for name in WHOLE}


def batches(ours: Ours) -> Points:
    """Vary the batch."""
    for count in BATCHES:
        x, each = ours.data.x[:count], ours.data.each[:count]
        yield count, whole(ours.on(ours.data._replace(x=x, each=each)))


def lengths(case: Case) -> Points:
    """Vary the length of sequences, in batches of a quarter."""
    for factor in FACTORS:
        length = int(factor * case.shape[0])
        shape, batch = (length, *case.shape[1:]), max(1, case.batch // 4)
        yield length, whole(ours_of(case._replace(shape=shape, batch=batch, examples=1)))


def references(ours: Ours) -> Points:
    """Vary the references of one example."""
    score, data = ours.score("rescale"), ours.data
    for count in COUNTS:
        call = functools.partial(score, data.x[:1], data.several[:1, :count], output=ours.case.head)
        yield count, {"rescale": Thing(call, count)}


def targets(ours: Ours) -> Points:
    """Vary the targets that are scored in one call, of eight examples."""
    score, data = ours.score("rescale"), ours.data
    for count in COUNTS:
        several = [index % 10 for index in range(count)]
        call = functools.partial(score, data.x[:8], data.shared, targets=several, output=ours.case.targets_head)
        yield count, {"rescale": Thing(call, len(data.x[:8]))}
