"""``deeplift-tf merge``: the shards of a run put together."""

from __future__ import annotations

from pathlib import Path

import click

from deeplift_tf.cli.errors import terminable
from deeplift_tf.cli.saying import say


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("parts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace what is there already.")
@click.option("--debug", is_flag=True, help="On an error, show where it came from.")
def merge(out: Path, parts: tuple[Path, ...], overwrite: bool, debug: bool) -> None:
    """Put all PARTS, written by `score --shard`, together into OUT: a file, or for DNA a folder.

    Its arrays are those that the run in one piece would have written, to the byte.
    """
    from deeplift_tf.runs.merge import merge as merged

    with terminable():
        rows = merged(out, parts, overwrite)
    say(f"{rows} rows of {len(parts)} shards, {out}")
