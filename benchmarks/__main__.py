"""`python -m benchmarks`: measure, print tables, write results.json and results.png."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from benchmarks.cases import BRIEF, CASES, PUBLISHED
from benchmarks.driver import ROOT, Driver, Job, absent, found_already, jobs
from benchmarks.gathering import gather, write
from benchmarks.results import Results

WHAT = ("time", "growth", "floor", "memory")


def chosen(names: str, known: tuple[str, ...]) -> list[str]:
    """Return the names of a list with commas.

    Raises
    ------
    click.BadParameter
        When one is not known.
    """
    found = names.split(",")
    for name in found:
        if name not in known:
            raise click.BadParameter(f"expected some of {', '.join(known)}; received {name!r}")
    return found


@click.command()
@click.option("--models", default=",".join(BRIEF), show_default=True, help="Networks, with commas.")
@click.option("--all", "every", is_flag=True, help=f"All networks: {', '.join(PUBLISHED)}.")
@click.option("--what", default=",".join(WHAT), show_default=True, help="What is measured, with commas.")
@click.option("--processes", default=3, show_default=True, help="Processes over which medians of ratios are taken.")
@click.option("--repeats", default=5, show_default=True, help="Repeats of each thing in a process.")
@click.option("--threads", default=2, show_default=True, help="Threads of each framework.")
@click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    default="cpu",
    show_default=True,
    help="gpu: TensorFlow and PyTorch on the first one that they see; an error if TensorFlow sees none.",
)
@click.option("--quick", is_flag=True, help="One process, two repeats: to see that it runs.")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Other packages, where they are installed.")
@click.option("--resume", is_flag=True, help="Leave out what the folder has already.")
@click.option("-o", "--output", default="benchmark", show_default=True, type=click.Path(path_type=Path), help="Folder.")
@click.option("--show", type=click.Path(exists=True, path_type=Path), help="Print the tables of a results.json.")
@click.option(
    "--readme",
    type=click.Path(exists=True, path_type=Path),
    help="Tables into the READMEs.",
)
def main(
    models: str, every: bool, what: str, processes: int, repeats: int, threads: int, device: str, quick: bool,
    peers: bool, resume: bool, output: Path, show: Path | None, readme: Path | None,
) -> None:  # fmt: skip
    """Time this package against gradients and other packages.

    The folder gathers: a part that is measured later is added to what it has, and shown with it.
    """
    from benchmarks import pages, picture, terminal

    if show or readme:
        if readme:
            results = Results.read(readme)
            pages.write_between(ROOT / "README.md", "speed", pages.short(results))
            pages.write_between(ROOT / "benchmarks" / "README.md", "results", pages.whole(results))
            pages.write_between(ROOT / "benchmarks" / "README.md", "architectures", pages.architectures(results))
            pages.write_between(ROOT / "benchmarks" / "README.md", "floor", pages.floor(results))
            picture.draw(results, readme.with_suffix(".png"))
        if show:
            terminal.show(Results.read(show))
        return
    names, tasks = list(PUBLISHED) if every else chosen(models, tuple(CASES)), chosen(what, WHAT)
    processes, repeats = (1, 2) if quick else (processes, repeats)
    measure(Driver(output, repeats, threads, device), names, tasks, processes, peers, resume)
    found = gather(output)
    write(found, output / "results.json")
    picture.draw(Results(found), output / "results.png")
    terminal.show(Results(found))


def measure(driver: Driver, models: list[str], tasks: list[str], processes: int, peers: bool, resume: bool) -> None:
    """Run all jobs."""
    if peers and absent():
        click.echo(f"left out, not installed: {', '.join(absent())} (pip install -e '.[bench]')")
    asked = [job for job in jobs(models, tasks, processes, peers) if not (resume and found_already(driver.raw, job))]
    start = time.monotonic()
    for index, (job, found) in enumerate(finished(driver, asked), 1):
        seconds = f"{time.monotonic() - start:.0f} s"
        click.echo(f"[{index}/{len(asked)}, {seconds}] {' '.join(map(str, job))} {found.get('failed', '')}".rstrip())


def finished(driver: Driver, asked: list[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Run jobs one after another; at last those that measure memory, two at a time, since nothing is timed there."""
    timed, memory = ([job for job in asked if (job.task == "memory") == last] for last in (False, True))
    yield from ((job, driver.run(job)) for job in timed)
    with ThreadPoolExecutor(2) as pool:
        yield from zip(memory, pool.map(driver.run, memory), strict=True)


if __name__ == "__main__":
    main()
