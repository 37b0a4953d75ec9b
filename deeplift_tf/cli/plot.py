"""``deeplift-tf plot``: a picture of the scores in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import numpy as np

from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.scores_file import ScoresFile, open_scores, take

KINDS = ("auto", "heatmap", "logo", "bars")


def parse_rows(context: click.Context, option: click.Parameter, given: str) -> tuple[int, ...]:
    """Return row numbers from "0,5,9" or "0:8"."""
    try:
        if ":" in given:
            first, last = given.split(":")
            return tuple(range(int(first or 0), int(last)))
        return tuple(int(part) for part in given.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected rows like 0,5,9 or 0:8; received {given!r}", context, option) from error


@click.command()
@click.argument("scores", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Picture: .png, .pdf or .svg.")
@click.option("-i", "--input", type=click.Path(exists=True, path_type=Path), help="What was scored, if it has moved.")
@click.option("--rows", default="0:5", show_default=True, callback=parse_rows, help="Rows: 0,5,9 or 0:8.")
@click.option("--name", help="Input or layer, where the file holds several.")
@click.option("--as", "kind", type=click.Choice(KINDS), default="auto", show_default=True)
@click.option("--hypothetical", is_flag=True, help="Below each logo one of the hypothetical contributions.")
@click.option("--highlight", metavar="START:END", multiple=True, help="Span of a logo; may be repeated.")
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
@click.option("--debug", is_flag=True, help="On an error, show where it came from.")
def plot(
    scores: Path,
    out: Path,
    input: Path | None,
    rows: tuple[int, ...],
    name: str | None,
    kind: str,
    hypothetical: bool,
    highlight: tuple[str, ...],
    overwrite: bool,
    debug: bool,
) -> None:
    """Draw SCORES, an .h5 file: images as heat maps, one-hot sequences as logos, anything else as bars."""
    check_picture(out, overwrite)
    spans = [parse_span(span) for span in highlight]
    with open_scores(scores, name, input) as file:
        chosen = [row for row in rows if -file.count <= row < file.count]
        if not chosen:
            raise click.UsageError(f"{scores} has {file.count} rows, and none of those asked for")
        kind = kind_of(file.contributions.shape) if kind == "auto" else kind
        fig = draw(file, chosen, kind, spans, hypothetical)
    save(fig, out)
    click.echo(str(out))


def parse_span(given: str) -> tuple[int, int]:
    """Return a span from "10:25"."""
    try:
        start, end = (int(part) for part in given.split(":"))
    except ValueError as error:
        raise click.UsageError(f"--highlight: expected START:END; received {given!r}") from error
    return start, end


def kind_of(shape: tuple[int, ...]) -> str:
    """Return how scores of a shape (N, ...) are drawn."""
    if len(shape) == 3 and shape[-1] == 4:
        return "logo"
    return "heatmap" if len(shape) in (3, 4) else "bars"


def draw(file: ScoresFile, rows: list[int], kind: str, spans: list[tuple[int, int]], hypothetical: bool) -> Any:
    """Return the figure of some rows."""
    from deeplift_tf import plots
    from deeplift_tf.plots.figure import panels

    contributions = take(file.contributions, rows)
    x = None if file.x is None else take(file.x, rows)
    if kind == "heatmap":
        pictures = None if x is None else list(x)
        return plots.heatmap(list(contributions), pictures, edges=x is not None, titles=titles(file, rows))[0]
    if kind == "logo":
        below = file.rows("hypothetical", rows) if hypothetical else None
        return logos(titles(file, rows), contributions, x, below, spans)
    fig, axes = panels(len(rows), 3, (4.5, 4.5))
    for ax, row, title in zip(axes, contributions, titles(file, rows), strict=True):
        plots.bars(row, title=title, ax=ax)
    return fig


def logos(names: list[str], contributions: Any, x: Any, below: Any, spans: list[tuple[int, int]]) -> Any:
    """Return the figure of sequences under one another, each with its hypothetical contributions if there are any."""
    from deeplift_tf import plots
    from deeplift_tf.plots.figure import panels

    size = (min(max(0.16 * contributions.shape[1], 4.0), 22.0), 1.7)
    fig, axes = panels(len(names) * (1 if below is None else 2), 1, size)
    free = iter(axes)
    for index, (title, track) in enumerate(zip(names, contributions, strict=True)):
        plots.logo(track, None if x is None else x[index], highlight=spans, title=title, ax=next(free))
        if below is not None:
            plots.logo(below[index], highlight=spans, title="hypothetical", ax=next(free))
    return fig


def titles(file: ScoresFile, rows: list[int]) -> list[str]:
    """Return a title for each row: its number, and its difference in output."""
    outputs, references = file.rows("outputs", rows), file.rows("reference_outputs", rows)
    if outputs is None or references is None:
        return [f"row {row}" for row in rows]
    differences = np.asarray(outputs) - np.asarray(references)
    return [f"row {row}: Δt = {float(t):+.3g}" for row, t in zip(rows, differences, strict=True)]


def check_picture(out: Path, overwrite: bool) -> None:
    """Refuse a picture that could not be written, before any work is done for it."""
    if out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise OutputFileError(f"{out}: expected a picture ending in .png, .pdf or .svg")
    if out.exists() and not overwrite:
        raise OutputFileError(f"{out}: exists already; choose another name, or --overwrite to replace it")
    if not out.parent.is_dir():
        raise OutputFileError(f"{out}: its folder does not exist; make it first")


def save(fig: Any, out: Path) -> None:
    """Write a picture, which appears whole or not at all."""
    partial = out.with_name(f".{os.getpid()}.{out.name}")  # the ending stays: it says which format
    try:
        fig.savefig(partial, dpi=150)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
