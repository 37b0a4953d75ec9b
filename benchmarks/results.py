"""The numbers of the tables: medians of repeats, and medians of processes."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cases import CASES
from benchmarks.gathering import TASKS
from benchmarks.rows import PEER_ROWS, ROWS

WRONG = 1e-3  # above this, scores do not add up, and the time is no result
TIES = 1e-2  # for gradients: a ReLU or pooling window that is a tie but for rounding settles otherwise, in Keras too


class Line(NamedTuple):
    """One line of a table.

    Attributes
    ----------
    model, thing : str
    milliseconds : float
        For an example, or for an (example, reference) pair.
    ratio : float
        Multiple of gradient x input in the same framework; of ten calls; of the gradient rule of our network.
    error : float or None
        By how much the scores miss what they have to add up to.
    aim : float or None
        For the ratio; of a peer, for the factor.
    spread : tuple of float
        Smallest and largest ratio among the processes.
    factor : float or None
        Of a peer: its time for a pair over ours.
    failed : str
        What it raised instead.
    """

    model: str
    thing: str
    milliseconds: float
    ratio: float
    error: float | None
    aim: float | None
    spread: tuple[float, float]
    factor: float | None = None
    failed: str = ""

    @property
    def wrong(self) -> bool:
        """Whether the scores do not add up."""
        return self.error is not None and not self.error <= (TIES if self.thing == "own_gradient" else WRONG)


class Floor(NamedTuple):
    """What the products of a network take alone, beside a call under Rescale; milliseconds for an example.

    Attributes
    ----------
    model : str
    forward, back, reference : float
        Of the examples, and of the only reference of the batch.
    rescale, ratio : float
        Of the call, and over the floor.
    spread : tuple of float
        Smallest and largest ratio among the processes.
    spent : dict of str to float
        Milliseconds of each group of operations in the call, as `spent.spent` has them.
    values : float
        MB of the values of all layers.
    held : dict of str to float
        MB that a call holds at most, Rescale and gradient; empty where TensorFlow does not count.
    """

    model: str
    forward: float
    back: float
    reference: float
    rescale: float
    ratio: float
    spread: tuple[float, float]
    spent: dict[str, float]
    values: float
    held: dict[str, float]

    @property
    def floor(self) -> float:
        """What the products take."""
        return self.forward + self.back


class Results:
    """The numbers of the tables.

    Parameters
    ----------
    found : dict
        facts: list of dicts, one for each kind of process; the `TASKS`: list of what each job found.
    """

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what a run has written."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    @property
    def models(self) -> list[str]:
        """Names of the networks that were measured, in order."""
        known = {job["model"] for task in TASKS for job in self.found.get(task, ())}
        return [name for name in CASES if name in known]

    @property
    def compared(self) -> list[str]:
        """Names of those on which other packages are measured too, with all rows of the tables."""
        return [name for name in self.models if CASES[name].peers]

    def processes(self, framework: str = "tensorflow") -> int:
        """Return how many processes measured times, ours or those of another framework."""
        return max((len(self._jobs(model, framework)) for model in self.models), default=0)

    def lines(self) -> Iterator[Line]:
        """Return our lines, one for each network and thing."""
        for model in self.compared:
            for thing in ROWS:
                if line := self.line(model, thing):
                    yield line

    def peer_lines(self) -> Iterator[Line]:
        """Return the lines of other packages."""
        for model in self.compared:
            for thing in PEER_ROWS:
                if line := self.peer_line(model, thing):
                    yield line

    def line(self, model: str, thing: str) -> Line | None:
        """Return one of our lines, where it was measured."""
        row = ROWS[thing]
        measured = row.of or thing
        runs = [job["found"] for job in self._jobs(model, "tensorflow")]
        runs = [things for things in runs if all("seconds" in things.get(each, {}) for each in (measured, row.over))]
        if not runs:
            return None
        ratios = [seconds(run, measured) / (row.calls * seconds(run, row.over)) for run in runs]
        return self._line(model, thing, runs, measured, ratios, row.aims.get(model))

    def peer_line(self, model: str, thing: str) -> Line | None:
        """Return the line of another package, where it was measured or refused."""
        row = PEER_ROWS[thing]
        jobs = self._jobs(model, row.framework)
        runs = [job["found"] for job in jobs if thing in job["found"]]
        if not runs:
            return None
        refused = [run[thing]["failed"] for run in runs if "failed" in run[thing]]
        if refused:
            return Line(model, thing, 0, 0, None, None, (0, 0), failed=refused[0])
        ratios = [seconds(run, thing) / seconds(run, "gradient") for run in runs]
        line = self._line(model, thing, runs, thing, ratios, row.aims.get(model))
        ours = self.line(model, row.ours)
        return line._replace(factor=line.milliseconds / ours.milliseconds if ours else None)

    def _line(
        self, model: str, thing: str, runs: list[Any], measured: str, ratios: list[float], aim: float | None
    ) -> Line:
        errors = [run[measured]["error"] for run in runs if run[measured]["error"] is not None]
        milliseconds = 1000 * statistics.median(seconds(run, measured) for run in runs)
        spread = (min(ratios), max(ratios))
        return Line(model, thing, milliseconds, statistics.median(ratios), worst(errors), aim, spread)

    def first(self, model: str, thing: str) -> float | None:
        """Return the seconds of the first call of a thing, tracing included, where it was measured."""
        runs = [job["found"].get(thing, {}) for job in self._jobs(model, "tensorflow")]
        found = [run["first"] for run in runs if "first" in run]
        return statistics.median(found) if found else None

    def memory(self, model: str, framework: str, thing: str) -> float | None:
        """Return the peak memory of a thing in MB, where it was measured."""
        for job in self._jobs(model, framework, "memory"):
            if job["part"] == thing:
                return job["found"][thing] / 1e6
        return None

    def growth(self) -> Iterator[tuple[str, Any]]:
        """Return for each network what was found about growth, with the median seconds of each process."""
        for model in self.models:
            if runs := [job["found"] for job in self._jobs(model, "tensorflow", "growth")]:
                yield model, {axis: [*map(_together, *(run[axis] for run in runs))] for axis in runs[0]}

    def floors(self) -> Iterator[Floor]:
        """Return the floor of each network that was measured."""
        for model in self.models:
            runs = [job["found"] for job in self._jobs(model, "tensorflow", "floor")]
            spent = [job["found"] for job in self._jobs(model, "tensorflow", "spent")]
            if runs:
                yield floor_of(model, runs, spent[0] if spent else {})

    def _jobs(self, model: str, framework: str, task: str = "time") -> list[dict[str, Any]]:
        return [
            job
            for job in self.found.get(task, ())
            if job["model"] == model and job["framework"] == framework and job.get("found")
        ]


def seconds(run: dict[str, Any], thing: str) -> float:
    """Return the median seconds of a thing in one process, for an example or a pair."""
    return statistics.median(run[thing]["seconds"]) / run[thing]["pairs"]


def floor_of(model: str, runs: Sequence[Any], spent: dict[str, float]) -> Floor:
    """Return the floor of a network, medians of what several processes found."""
    each = [[1000 * sum(passes) / run["pairs"] for passes in zip(*run["layers"].values(), strict=True)] for run in runs]
    rescale = [1000 * run["rescale"] / run["pairs"] for run in runs]
    floors = [forward + back for forward, _, back in each]
    ratios = [time / floor if floor else math.inf for time, floor in zip(rescale, floors, strict=True)]
    forward, reference, back = (statistics.median(times) for times in zip(*each, strict=True))
    middle, spread = statistics.median(rescale), (min(ratios), max(ratios))
    held = {thing: held / 1e6 for thing, held in runs[0]["held"].items() if held is not None}
    ratio, values = statistics.median(ratios), runs[0]["values"] / 1e6
    spent = {group: 1000 * seconds for group, seconds in spent.items()}
    return Floor(model, forward, back, reference, middle, ratio, spread, spent, values, held)


def _together(*points: Any) -> dict[str, Any]:
    """Return a point of the growth with the medians of several processes as its seconds."""
    things = {
        name: {"pairs": found["pairs"], "seconds": [statistics.median(p["things"][name]["seconds"]) for p in points]}
        for name, found in points[0]["things"].items()
    }
    return {"count": points[0]["count"], "things": things}


def worst(errors: Iterable[float]) -> float | None:
    """Return the largest error; NaN counts as larger than any."""
    return max(errors, key=lambda error: (error != error, error), default=None)


def cost(axis: str, point: Mapping[str, Any], thing: str) -> float:
    """Return the milliseconds of one unit at a point: an example, a pair, or a target of an example."""
    measured = point["things"][thing]
    units = measured["pairs"] * (point["count"] if axis == "targets" else 1)
    return 1000 * statistics.median(measured["seconds"]) / units
