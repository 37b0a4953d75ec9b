"""Commands that refuse repeated options, where the last value would win silently, and take deprecated spellings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

RENAMED = {"--xla": "--jit-compile"}
"""Deprecated spellings of options, which the help does not show."""

LISTS = ("layers", "targets", "formats", "chromosomes")
"""Options whose one value lists several, separated by commas."""


class Command(click.Command):
    """A command that refuses an option of a single value that is given twice, under whichever of its names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, deprecated spellings as the options that they mean now."""
        for name in RENAMED.keys() & set(args):
            click.echo(f"warning: {name} is now {RENAMED[name]}; the old form goes in version 2.0", err=True)
        return super().parse_args(ctx, [RENAMED.get(each, each) for each in args])

    def make_parser(self, ctx: click.Context) -> Any:
        """Return the parser of the arguments, which counts the options."""
        parser = super().make_parser(ctx)
        parse = parser.parse_args

        def parsed(args: list[str]) -> tuple[dict[str, Any], list[str], list[click.Parameter]]:
            found, left, order = parse(args)
            check_once(order)
            return found, left, order

        parser.parse_args = parsed  # type: ignore[method-assign]
        return parser


def check_once(given: Sequence[click.Parameter]) -> None:
    """Refuse an option that stands twice among those that were given; a flag that can only be set may be set again.

    Raises
    ------
    click.UsageError
        Names it, and how it takes several values where it does.
    """
    for option, times in Counter(given).items():
        if times < 2 or not isinstance(option, click.Option) or option.multiple or option.count:
            continue
        if option.is_flag and not option.secondary_opts:
            continue
        name = option.opts[-1]
        if option.name in LISTS:
            raise click.UsageError(f"{name} is given {times} times: give it once, its values separated by commas")
        both = f" or {option.secondary_opts[0]}" if option.secondary_opts else ""
        raise click.UsageError(f"{name}{both} is given {times} times: expected one value")
