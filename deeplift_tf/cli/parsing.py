"""Parsers of option values: text to arguments of the library."""

from __future__ import annotations

from pathlib import Path

import click

from deeplift_tf.platform.digests import contents
from deeplift_tf.runs.source import Shard
from deeplift_tf.runs.targets import HEADS, Target


def parse_target(context: click.Context, option: click.Parameter, given: str) -> Target:
    """Return a target as a scoring function takes it, from "3", "3,0" or "predicted", or the name of a head."""
    if given in ("predicted", *HEADS):
        return given
    try:
        position = tuple(int(part) for part in given.split(","))
    except ValueError as error:
        message = f"expected an index like 3, indices like 3,0, 'predicted', 'counts' or 'profile'; received {given!r}"
        raise click.BadParameter(message, context, option) from error
    return position if len(position) > 1 else position[0]


def parse_targets(context: click.Context, option: click.Parameter, given: str) -> tuple[Target, ...]:
    """Return targets separated by commas, each an index or a name, and each once."""
    parts = [part.strip() for part in given.split(",") if part.strip()]
    found = tuple(parse_target(context, option, part) for part in parts)
    if twice := [target for target in found if found.count(target) > 1]:
        raise click.BadParameter(f"expected each target once; received {twice[0]} twice in {given!r}", context, option)
    return found


def parse_layers(context: click.Context, option: click.Parameter, given: str) -> tuple[str, ...]:
    """Return names separated by commas; each becomes a dataset, so none may be the folder of another."""
    names = tuple(filter(None, given.split(",")))
    for name in names:
        if any(other.startswith(f"{name}/") for other in names) or names.count(name) > 1:
            raise click.BadParameter(f"{name!r} and what is inside it need files of their own", context, option)
    return names


def parse_weights(context: click.Context, option: click.Parameter, given: Path | None) -> Path | None:
    """Return a path that leads to files; of a checkpoint the prefix does, which is no file itself."""
    if given is not None and not contents(given):
        raise click.BadParameter(f"{str(given)!r} does not exist", context, option)
    return given


def parse_names(context: click.Context, option: click.Parameter, given: str) -> tuple[str, ...]:
    """Return names separated by commas, each once."""
    return tuple(dict.fromkeys(filter(None, (each.strip() for each in given.split(",")))))


def parse_shard(context: click.Context, option: click.Parameter, given: str | None) -> Shard:
    """Return one part of several, from "2/8"; by default the one that is all."""
    number, _, of = (given or "1/1").partition("/")
    try:
        shard = Shard(int(number), int(of))
    except ValueError as error:
        raise click.BadParameter(f"expected I/N, like 2/8; received {given!r}", context, option) from error
    if not 1 <= shard.number <= shard.of:
        raise click.BadParameter(f"shards of {shard.of} are 1/{shard.of} to {shard.of}/{shard.of}", context, option)
    return shard
