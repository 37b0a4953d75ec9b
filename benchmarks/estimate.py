"""How far it goes: hours for many regions and references, from what was measured.

``python -m benchmarks.estimate benchmark/results.json [--gpu FOLDER/results.json]``: the first was measured on the
processors of one machine, the second on one GPU. Shards and workers share nothing but the files that they read, so the
time of one is divided by their number; reading the model, seconds for each, is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks.results import TITLES, Results

REGIONS, REFERENCES = 330_000, 20
THING = "rescale_20"


def hours(milliseconds: float, machines: int, regions: int = REGIONS, references: int = REFERENCES) -> float:
    """Return the hours that so many machines take.

    Parameters
    ----------
    milliseconds : float
        For an (example, reference) pair.
    machines : int
    regions, references : int
    """
    return milliseconds * regions * references / machines / 3.6e6


def rows(cpu: Results, gpu: Results | None) -> Iterator[list[str]]:
    """Return a line for each network that was measured: its name, ms for a pair, and hours."""
    for model in cpu.models:
        line = cpu.line(model, THING)
        if line is None or line.failed:
            continue
        on_gpu = gpu.line(model, THING) if gpu is not None else None
        yield [
            model,
            f"{line.milliseconds:.3g}",
            f"{hours(line.milliseconds, 1):.3g}",
            "not measured" if on_gpu is None or on_gpu.failed else f"{hours(on_gpu.milliseconds, 8):.3g}",
            f"{hours(line.milliseconds, 100):.3g}",
        ]


def main(cpu: Path, gpu: Path | None) -> None:
    """Print the table, as Markdown."""
    print(f"{REGIONS:,} regions x {REFERENCES} references, {TITLES[THING]}: hours\n")
    print("| network | ms for a pair | 1 machine | 8 GPUs | 100 workers like the machine |\n|---|---|---|---|---|")
    for row in rows(Results.read(cpu), None if gpu is None else Results.read(gpu)):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--gpu", type=Path)
    given = parser.parse_args()
    main(given.results, given.gpu)
