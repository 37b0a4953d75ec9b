"""``deeplift-tf plot``: a picture of the scores in a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from deeplift_tf.cli.once import Command
from deeplift_tf.cli.options import class_names_option
from deeplift_tf.cli.saying import say
from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.scores_file import ScoresFile, open_scores, scored_in
from deeplift_tf.platform.atomic import whole_file
from deeplift_tf.scoring.progress import counted_on_a_terminal

if TYPE_CHECKING:
    from deeplift_tf.report import Part

KINDS = ("auto", "heatmap", "scaled", "logo", "map", "variant", "text", "bars")
PICTURES = (".png", ".pdf", ".svg")
OF_MAPS = ("channels", "sign", "percentile", "vmax", "skew", "alpha", "edges", "size")


def parse_rows(context: click.Context, option: click.Parameter, given: str) -> Sequence[int]:
    """Return row numbers from "0,5,9" or "0:8", the latter as a range, however long."""
    try:
        if ":" in given:
            first, last = given.split(":")
            return range(int(first or 0), int(last))
        return tuple(int(part) for part in given.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected rows like 0,5,9 or 0:8; received {given!r}", context, option) from error


def parse_vmax(context: click.Context, option: click.Parameter, given: str) -> float | str:
    """Return the end of the scale of colours: a number, or how it is found."""
    if given in ("shared", "each"):
        return given
    try:
        return float(given)
    except ValueError as error:
        raise click.BadParameter(
            f"expected a number, 'shared' or 'each'; received {given!r}", context, option
        ) from error


def parse_size(context: click.Context, option: click.Parameter, given: str | None) -> float | str | None:
    """Return the width of a panel: a number, or how it is found."""
    try:
        return given if given is None or given == "pixels" else float(given)
    except ValueError as error:
        raise click.BadParameter(f"expected inches, or 'pixels'; received {given!r}", context, option) from error


def map_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `deeplift_tf.plots.heatmap`."""
    channels = click.Choice(["sum", "magnitude", "largest"])
    signs = click.Choice(["all", "positive", "negative", "absolute"])
    options = [
        click.option("--channels", type=channels, default="sum", show_default=True, help="Maps: how they become one."),
        click.option("--sign", type=signs, default="all", show_default=True, help="Maps: the part that is shown."),
        click.option("--percentile", type=float, default=99.0, show_default=True, help="Maps: that of full colour."),
        click.option(
            "--vmax", default="shared", show_default=True, callback=parse_vmax, help="Maps: full colour; or 'each'."
        ),
        click.option("--skew", type=float, default=1.0, show_default=True, help="Maps: below 1 lifts faint scores."),
        click.option(
            "--alpha", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Maps: cover of the image."
        ),
        click.option("--edges", is_flag=True, help="Maps: edges of the image over the colours."),
        click.option("--size", callback=parse_size, help="Maps: width of a panel in inches, or 'pixels'."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(cls=Command)
@click.argument("scores", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Picture: .png, .pdf or .svg.")
@click.option("-i", "--input", type=click.Path(exists=True, path_type=Path), help="What was scored, if it has moved.")
@click.option("--rows", default="0:5", show_default=True, callback=parse_rows, help="Rows: 0,5,9 or 0:8.")
@click.option("--name", metavar="A,B,...", help="Inputs, layers or targets, where the file holds several.")
@click.option("--as", "kind", type=click.Choice(KINDS), default="auto", show_default=True)
@click.option("--hypothetical", is_flag=True, help="Below each logo one of the hypothetical contributions.")
@click.option("--zoom", metavar="START:END", help="Logos: the positions drawn, or 'all'; the busiest 120 by default.")
@click.option(
    "--around",
    type=(str, click.IntRange(min=0)),
    metavar="PLACE SIDE",
    help="Logos: 'summit' or a position, with so many on either side.",
)
@click.option(
    "--annotate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Logos: named spans below, a BED file of hits or motifs; may be repeated.",
)
@click.option("--highlight", metavar="START:END", multiple=True, help="Span of a logo; may be repeated.")
@click.option(
    "--words",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Text: what the tokens stand for, one word a line; OUT may be .html too.",
)
@class_names_option
@map_options
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
@click.option("--debug", is_flag=True, help="On an error, show where it came from.")
def plot(
    scores: Path,
    out: Path,
    input: Path | None,
    rows: Sequence[int],
    name: str | None,
    kind: str,
    hypothetical: bool,
    zoom: str | None,
    around: tuple[str, int] | None,
    annotate: tuple[Path, ...],
    highlight: tuple[str, ...],
    words: Path | None,
    class_names: str | None,
    overwrite: bool,
    debug: bool,
    **others: Any,
) -> None:
    """Draw SCORES, an .h5 file: images as heat maps, one-hot sequences as logos, anything else as bars.

    Of variants both alleles are drawn, and their difference. Images stand beside their maps; the targets of a sequence
    under one another; below those of in-silico mutagenesis what each letter changes; tokens whose --words are
    given become text.
    """
    from deeplift_tf.plots.figure import pyplot
    from deeplift_tf.report import Drawing, kind_of, read_annotations, read_class_names, read_words, text_page

    known = [] if words is None else read_words(words)
    if kind == "text" and words is None:
        raise click.UsageError("--as text: say what the tokens stand for, with --words")
    check_picture(out, overwrite, (*PICTURES, ".html") if known else PICTURES)
    spans, part = [parse_span(span) for span in highlight], part_of(zoom, around)
    annotations = [read_annotations(path) for path in annotate]
    with ExitStack() as stack:
        wanted = scored_in(scores) if name is None else name.split(",")
        names = read_class_names(class_names)
        opened = (stack.enter_context(open_scores(scores, each or None, input)) for each in wanted)
        files = [replace(file, class_names=names) for file in opened]
        count = files[0].count
        chosen = rows_there(rows, count)
        if not chosen:
            raise click.UsageError(f"{scores} has {count} rows, and none of those asked for")
        chosen = scored_rows(files[0], chosen)
        if not chosen:
            raise click.UsageError(f"{scores}: all of these rows were skipped; {scores}.skipped.tsv says why")
        if kind == "auto":
            kind = "text" if known else kind_of(files[0])
        require_one(files, kind, scores)
        if out.suffix.lower() == ".html":
            with whole_file(out) as partial:
                partial.write_text(text_page(files[0], chosen, known), encoding="utf-8", newline="\n")
        else:
            maps = {each: others[each] for each in OF_MAPS}
            advance = counted_on_a_terminal("drawing", len(chosen))
            with whole_file(out) as partial:
                fig = Drawing(kind, maps, spans, hypothetical, known, part, annotations, advance).figure(files, chosen)
                fig.savefig(partial, dpi=150)
            pyplot().close(fig)
    say(str(out))


def rows_there(rows: Sequence[int], count: int) -> list[int]:
    """Return those rows that a file has, those counted from its end by their numbers from its beginning."""
    if isinstance(rows, range):
        rows = range(max(rows.start, -count), min(rows.stop, count))
    return [row % count for row in rows if -count <= row < count]


def scored_rows(file: ScoresFile, rows: list[int]) -> list[int]:
    """Return those rows that were not skipped: of these the outputs are NaN."""
    outputs = file.rows("outputs", rows)
    return rows if outputs is None else [row for row, value in zip(rows, outputs, strict=True) if not np.isnan(value)]


def require_one(files: list[ScoresFile], kind: str, path: Path) -> None:
    """Refuse several scores where only one can be drawn: logos alone go under one another, and are of one length."""
    if kind == "logo" and len({file.contributions.shape for file in files}) == 1:
        return
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise click.UsageError(f"{path}: holds contributions of {names}; name one of them with --name")


def part_of(zoom: str | None, around: tuple[str, int] | None) -> Part:
    """Return the part of each sequence that is asked for."""
    from deeplift_tf.report import Part

    if zoom is not None and around is not None:
        raise click.UsageError("--zoom and --around: expected one of them")
    if around is not None:
        place, side = around
        if place != "summit" and not place.isdigit():
            raise click.UsageError(f"--around: expected 'summit' or a position, and a number; received {place!r}")
        return Part("summit", 0, side) if place == "summit" else Part("around", int(place), side)
    if zoom is None or zoom == "all":
        return Part(zoom or "busiest")
    return Part("span", *parse_span(zoom, "--zoom"))


def parse_span(given: str, option: str = "--highlight") -> tuple[int, int]:
    """Return a span from "10:25"."""
    try:
        start, end = (int(part) for part in given.split(":"))
    except ValueError as error:
        raise click.UsageError(f"{option}: expected START:END; received {given!r}") from error
    return start, end


def check_picture(out: Path, overwrite: bool, endings: tuple[str, ...]) -> None:
    """Refuse a picture that could not be written, before any work is done for it."""
    if out.suffix.lower() not in endings:
        raise OutputFileError(f"{out}: expected a picture ending in {', '.join(endings[:-1])} or {endings[-1]}")
    if out.exists() and not overwrite:
        raise OutputFileError(f"{out}: exists already; choose another name, or --overwrite to replace it")
    if not out.parent.is_dir():
        raise OutputFileError(f"{out}: its folder does not exist; make it first")
