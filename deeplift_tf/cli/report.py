"""``deeplift-tf report``: one page about the scores in a file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from deeplift_tf.cli.options import class_names_option, models_option, opened, own_code_option
from deeplift_tf.cli.saying import say
from deeplift_tf.cli.sections import CommandInSections
from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.scores_file import ScoresFile, beside, open_scores, scored_in
from deeplift_tf.platform.atomic import whole_file
from deeplift_tf.runs.model import ModelSource
from deeplift_tf.scoring.progress import counted_on_a_terminal


@click.command(cls=CommandInSections)
@click.argument("scores", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The page, .html.")
@models_option("The model, if it has moved; several as the run had them.", required=False)
@click.option("-i", "--input", type=click.Path(exists=True, path_type=Path), help="What was scored, if it has moved.")
@click.option("--name", metavar="A,B,...", help="Inputs, layers or targets, where the file holds several.")
@click.option(
    "--words",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Text: what the tokens stand for, one word a line.",
)
@class_names_option
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Examples to show.")
@click.option("--unsafe", is_flag=True, help="Run code that the model file brings: only for files you trust.")
@own_code_option()
@click.option("--overwrite", is_flag=True, help="Replace a page that is there already.")
@click.option("--debug", is_flag=True, help="On an error, show where it came from.")
def report(
    scores: Path,
    out: Path,
    model: tuple[Path, ...],
    input: Path | None,
    name: str | None,
    words: Path | None,
    class_names: str | None,
    top: int,
    unsafe: bool,
    custom_objects: tuple[str, ...],
    overwrite: bool,
    debug: bool,
) -> None:
    """Write a page about SCORES, an .h5 file: examples, deltas, the model's layers, the run's arguments."""
    from deeplift_tf.report import read_class_names, read_words, write_report

    if out.suffix.lower() not in (".html", ".htm"):
        raise OutputFileError(f"{out}: expected a page ending in .html")
    if out.exists() and not overwrite:
        raise OutputFileError(f"{out}: exists already; choose another name, or --overwrite to replace it")
    if not out.parent.is_dir():
        raise OutputFileError(f"{out}: its folder does not exist; make it first")
    with ExitStack() as stack:
        wanted = scored_in(scores) if name is None else name.split(",")
        names = read_class_names(class_names)
        opened = (stack.enter_context(open_scores(scores, each or None, input)) for each in wanted)
        files = [replace(file, class_names=names) for file in opened]
        known = [] if words is None else read_words(words)
        drawn = len(files) * min(top, files[0].count)
        layers = layers_of(files[0], model, unsafe, custom_objects)
        advance = counted_on_a_terminal("drawing", drawn)
        with whole_file(out) as partial:
            write_report(partial, files, layers, top, known, advance)
    say(str(out))


def layers_of(
    file: ScoresFile, model: Sequence[Path] = (), unsafe: bool = False, custom_objects: tuple[str, ...] = ()
) -> list[Any]:
    """Return the table of layers of the model of the run, or of the mean of several; empty where a file has gone.

    The code that it needs is that of this command, never what a file of scores names.
    """
    arguments = file.metadata.get("arguments", {})
    noted = arguments.get("model")
    names = [noted] if isinstance(noted, str | None) else noted
    found: Sequence[Path | None] = model or [beside(file.path, each, "model", "model") for each in names]
    paths = [path for path in found if path is not None and path.exists()]
    if not paths or len(paths) < len(found):
        return []
    read = {name: arguments[name] for name in ("rule", "dtype", "signature") if arguments.get(name) is not None}
    weights = beside(file.path, arguments.get("weights"), "weights", "model")
    saved = ModelSource(paths[0], weights, unsafe=unsafe, custom_objects=custom_objects, folds=tuple(paths[1:]), **read)
    return list(opened(saved).table())
