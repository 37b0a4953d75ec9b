"""How far it goes: hours for many regions and references, from what was measured.

``python -m benchmarks.estimate benchmark/results.json [--gpu FOLDER/results.json | --gpu-times 10]``: the first was
measured on the processors of one machine, the second on one GPU; without it, how many times as fast a GPU is has to be
assumed. Shards and workers share nothing but the files that they read, so the time of one is divided by their number;
reading the model, seconds for each, is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks.results import Results
from benchmarks.rows import ROWS

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


def hours_of(rows_per_second: float, measured: int, workers: int, regions: int = REGIONS) -> float:
    """Return the hours that workers take, from the rate of a run on some of them.

    Parameters
    ----------
    rows_per_second : float
        Of the run, with the references that are meant.
    measured : int
        Workers of that run.
    workers : int
    regions : int
    """
    return regions / (rows_per_second / measured * workers) / 3600


def rows(cpu: Results, gpu: Results | None, times: float) -> Iterator[list[str]]:
    """Return a line for each network that was measured: its name, ms for a pair, and hours.

    Parameters
    ----------
    cpu : Results
    gpu : Results, optional
    times : float
        How many times as fast a GPU is taken to be where none was measured.
    """
    for model in cpu.models:
        line = cpu.line(model, THING)
        if line is None or line.failed:
            continue
        on_gpu = line._replace(milliseconds=line.milliseconds / times) if gpu is None else gpu.line(model, THING)
        yield [
            model,
            f"{line.milliseconds:.3g}",
            f"{hours(line.milliseconds, 1):.3g}",
            "not measured" if on_gpu is None or on_gpu.failed else f"{hours(on_gpu.milliseconds, 8):.3g}",
            f"{hours(line.milliseconds, 100):.3g}",
        ]


def main(cpu: Path, gpu: Path | None, times: float) -> None:
    """Print the table, as Markdown."""
    print(f"{REGIONS:,} regions x {REFERENCES} references, {ROWS[THING].title}: hours\n")
    gpus = "8 GPUs" if gpu is not None else f"8 GPUs, if each is {times:g} times as fast"
    print(f"| network | ms for a pair | 1 machine | {gpus} | 100 workers like the machine |\n|---|---|---|---|---|")
    for row in rows(Results.read(cpu), None if gpu is None else Results.read(gpu), times):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--rows-per-second", type=float, help="of a run on --of-workers workers; instead of results")
    parser.add_argument("--of-workers", type=int, default=1)
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--gpu", type=Path)
    parser.add_argument("--gpu-times", type=float, default=10)
    given = parser.parse_args()
    if given.rows_per_second is not None:
        for count in (1, given.workers):
            print(f"{count} workers: {hours_of(given.rows_per_second, given.of_workers, count):.3g} hours")
    elif given.results is not None:
        main(given.results, given.gpu, given.gpu_times)
    else:
        parser.error("give results of the benchmark, or --rows-per-second")
