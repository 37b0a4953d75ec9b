"""What the processes found, gathered: medians of repeats, and medians of processes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.aims import AIMS, PEER_AIMS
from benchmarks.cases import CASES

WRONG = 1e-3  # above this, scores do not add up, and the time is no result
TIES = 1e-2  # for gradients: a ReLU or pooling window that is a tie but for rounding settles otherwise, in Keras too

TITLES = {
    "predict": "prediction",
    "gradient": "gradient x input",
    "own_gradient": "gradient rule, our network",
    "rescale": "Rescale, shared reference",
    "rescale_each": "Rescale, one reference each",
    "rescale_20": "Rescale, 20 references each, a pair",
    "genomics_default": "genomics default, shared",
    "reveal_cancel": "RevealCancel everywhere, shared",
    "ten_targets": "10 targets in one call, against 10",
    "against_own": "Rescale, shared, against our gradient rule",
    "shap_20": "SHAP DeepExplainer, 20 shared",
    "captum_each": "Captum DeepLift, one each",
    "captum_20": "Captum DeepLiftShap, 20 shared",
    "tangermeme_20": "tangermeme deep_lift_shap, 20 each",
}
PEERS = {"shap_20": "shap", "captum_each": "torch", "captum_20": "torch", "tangermeme_20": "torch"}  # measured in
OURS = {
    "shap_20": "rescale_20",
    "captum_each": "rescale_each",
    "captum_20": "rescale_20",
    "tangermeme_20": "rescale_20",
}


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


def gather(folder: Path) -> dict[str, Any]:
    """Return what all jobs of a folder found, in one dict; see `Results`."""
    found: dict[str, Any] = {"facts": [], "time": [], "memory": [], "growth": []}
    for path in sorted((folder / "raw").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        facts = result.pop("facts", None)
        if facts and facts not in found["facts"]:
            found["facts"].append(facts)
        found[result.pop("task")].append(_rounded(result))
    return found


def write(found: dict[str, Any], path: Path) -> None:
    """Write what was gathered as JSON, a job on each line."""
    parts = [f'"{task}": [\n' + ",\n".join(map(json.dumps, jobs)) + "\n]" for task, jobs in found.items()]
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Return the value with its floats to six digits, which is more than is measured."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value


class Results:
    """The numbers of the tables.

    Parameters
    ----------
    found : dict
        facts: list of dicts, one for each kind of process; time, memory, growth: list of what each job found.
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
        known = {job["model"] for job in self.found["time"]}
        return [name for name in CASES if name in known]

    def processes(self, framework: str = "tensorflow") -> int:
        """Return how many processes measured times, ours or those of another framework."""
        return max((len(self._jobs(model, framework)) for model in self.models), default=0)

    def lines(self) -> Iterator[Line]:
        """Return our lines, one for each network and thing."""
        for model in self.models:
            for thing in ("predict", "gradient", "own_gradient", *AIMS):
                if line := self.line(model, thing):
                    yield line

    def peer_lines(self) -> Iterator[Line]:
        """Return the lines of other packages."""
        for model in self.models:
            for thing in PEERS:
                if line := self.peer_line(model, thing):
                    yield line

    def line(self, model: str, thing: str) -> Line | None:
        """Return one of our lines, where it was measured."""
        numerator = "rescale" if thing == "against_own" else thing
        runs = [job["found"] for job in self._jobs(model, "tensorflow")]
        runs = [things for things in runs if "seconds" in things.get(numerator, {})]
        if not runs:
            return None
        base = {"against_own": "own_gradient", "ten_targets": "one_of_ten"}.get(thing, "gradient")
        times = 10 if thing == "ten_targets" else 1
        ratios = [seconds(run, numerator) / (times * self._base(run, base)) for run in runs]
        return self._line(model, thing, runs, numerator, ratios, AIMS.get(thing, {}).get(model))

    @staticmethod
    def _base(run: dict[str, Any], base: str) -> float:
        return seconds(run, base if base in run else "rescale")  # where the ten targets lie in the scored output

    def peer_line(self, model: str, thing: str) -> Line | None:
        """Return the line of another package, where it was measured or refused."""
        jobs = self._jobs(model, PEERS[thing])
        runs = [job["found"] for job in jobs if thing in job["found"]]
        if not runs:
            return None
        refused = [run[thing]["failed"] for run in runs if "failed" in run[thing]]
        if refused:
            return Line(model, thing, 0, 0, None, None, (0, 0), failed=refused[0])
        ratios = [seconds(run, thing) / seconds(run, "gradient") for run in runs]
        line = self._line(model, thing, runs, thing, ratios, PEER_AIMS[thing].get(model))
        ours = self.line(model, OURS[thing])
        return line._replace(factor=line.milliseconds / ours.milliseconds if ours else None)

    def _line(
        self, model: str, thing: str, runs: list[Any], measured: str, ratios: list[float], aim: float | None
    ) -> Line:
        errors = [run[measured]["error"] for run in runs if run[measured]["error"] is not None]
        milliseconds = 1000 * statistics.median(seconds(run, measured) for run in runs)
        spread = (min(ratios), max(ratios))
        return Line(model, thing, milliseconds, statistics.median(ratios), worst(errors), aim, spread)

    def memory(self, model: str, framework: str, thing: str) -> float | None:
        """Return the peak memory of a thing in MB, where it was measured."""
        for job in self.found["memory"]:
            if (job["model"], job["framework"], job["part"]) == (model, framework, thing) and job.get("found"):
                return job["found"][thing] / 1e6
        return None

    def growth(self) -> list[dict[str, Any]]:
        """Return what was found about growth, one for each network."""
        return [job for job in self.found["growth"] if job.get("found")]

    def _jobs(self, model: str, framework: str) -> list[dict[str, Any]]:
        return [
            job
            for job in self.found["time"]
            if job["model"] == model and job["framework"] == framework and job.get("found")
        ]


def seconds(run: dict[str, Any], thing: str) -> float:
    """Return the median seconds of a thing in one process, for an example or a pair."""
    return statistics.median(run[thing]["seconds"]) / run[thing]["pairs"]


def worst(errors: Iterable[float]) -> float | None:
    """Return the largest error; NaN counts as larger than any."""
    return max(errors, key=lambda error: (error != error, error), default=None)


def cost(axis: str, point: Mapping[str, Any], thing: str) -> float:
    """Return the milliseconds of one unit at a point: an example, a pair, or a target of an example."""
    measured = point["things"][thing]
    units = measured["pairs"] * (point["count"] if axis == "targets" else 1)
    return 1000 * statistics.median(measured["seconds"]) / units
