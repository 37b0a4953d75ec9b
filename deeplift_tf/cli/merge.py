"""``deeplift-tf merge``: joins the shards of a run."""

from __future__ import annotations

from pathlib import Path

import click

from deeplift_tf.cli.errors import terminable
from deeplift_tf.cli.once import Command
from deeplift_tf.cli.options import own_code_option
from deeplift_tf.cli.saying import say, say_missed
from deeplift_tf.runs.own_code import own_objects


@click.command(cls=Command)
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("parts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--mean", "as_mean", is_flag=True, help="PARTS are whole runs, each of one model: write their mean.")
@click.option("--fold-spread", is_flag=True, help="With --mean: the standard deviation of each contribution too.")
@own_code_option()
@click.option("--overwrite", is_flag=True, help="Replace what is there already.")
@click.option("--strict", is_flag=True, help="Exit with 1 where contributions miss the difference by more than 1 %.")
@click.option("--debug", is_flag=True, help="On an error, show where it came from.")
def merge(
    out: Path,
    parts: tuple[Path, ...],
    as_mean: bool,
    fold_spread: bool,
    custom_objects: tuple[str, ...],
    overwrite: bool,
    strict: bool,
    debug: bool,
) -> None:
    """Put all PARTS, written by `score --shard`, together into OUT: a file, or for DNA a folder.

    Its arrays are those that the run in one piece would have written, to the byte. With --mean PARTS are finished runs
    of the same rows by models of several folds.
    """
    from deeplift_tf.runs.mean import mean
    from deeplift_tf.runs.merge import merge as merged

    if fold_spread and not as_mean:
        raise click.UsageError("--fold-spread is for --mean")
    own_objects(custom_objects)  # which may register the formats that are written
    with terminable():
        found = mean(out, parts, overwrite, fold_spread) if as_mean else merged(out, parts, overwrite)
    of = f", the mean of {len(parts)} runs" if as_mean else f" of {len(parts)} shards"
    say(f"{found.rows} rows{of}, {out}")
    say_missed(found.missed, found.method, None, strict)
