"""No option of a single value may be given twice: the last one would win in silence."""

from __future__ import annotations

import click
import pytest

from deeplift_tf.cli.commands import commands
from tests.support.command_line import run


def options() -> list[tuple[str, click.Option]]:
    return [
        (name, option)
        for name, command in commands.commands.items()
        for option in command.params
        if isinstance(option, click.Option)
    ]


def value_of(option: click.Option) -> list[str]:
    return [] if option.is_flag else ["1"] * option.nargs


@pytest.mark.parametrize(("command", "option"), options(), ids=lambda each: getattr(each, "name", each))
def test_an_option_given_twice_is_refused_or_combines(command: str, option: click.Option) -> None:
    if option.multiple or (option.is_flag and not option.secondary_opts):
        return  # all values count, or both say the same
    first, last = option.opts[0], option.opts[-1]
    others = [name for name in option.secondary_opts[:1]]
    result = run(command, first, *value_of(option), (others or [last])[0], *value_of(option))
    assert result.exit_code == 2
    assert f"{last}" in result.stderr and "is given 2 times" in result.stderr


def test_the_table_of_options_that_combine() -> None:
    """An option that is new is refused twice, unless it says here that all of its values count."""
    several = {(command, option.name) for command, option in options() if option.multiple}
    models = {(name, "model") for name in ("score", "export", "report")}
    read = {(name, each) for name in ("score", "export", "inspect") for each in ("rule", "custom_objects")}
    read |= {("report", "custom_objects"), ("merge", "custom_objects")}
    assert several == models | read | {("plot", "highlight"), ("plot", "annotate")}


def test_two_rules_for_one_layer_are_refused() -> None:
    for rules, message in {
        ("rescale", "gradient"): "two rules are given for all layers",
        ("conv=rescale", "conv=gradient"): "two rules are given for layer 'conv'",
    }.items():
        result = run("inspect", __file__, *(each for rule in rules for each in ("--rule", rule)))
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_lists_say_how_they_take_several_values() -> None:
    result = run("score", "--targets", "0", "--targets", "1")
    assert "--targets is given 2 times: give it once, its values separated by commas" in result.stderr
