"""The help of commands with many options shows every option once, in a section."""

from __future__ import annotations

from collections import Counter

import click
import pytest
from click.testing import CliRunner

from deeplift_tf.cli.commands import commands
from deeplift_tf.cli.sections import SECTIONS, CommandInSections

MANY = ("export", "report", "score")


def sections_in(text: str) -> dict[str, str]:
    """Return the sections of a help by their titles, which start a line and end with a colon."""
    found: dict[str, str] = {}
    title = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            title = line.removesuffix(":")
        found[title] = found.get(title, "") + line + "\n"
    return found


@pytest.mark.parametrize("name", MANY)
def test_every_option_stands_once_in_the_help(name: str) -> None:
    done = CliRunner().invoke(commands, [name, "--help"])
    assert done.exit_code == 0
    words = Counter(word.strip(",") for line in done.output.splitlines() for word in line.split()[:2])
    options = [each for each in commands.commands[name].params if isinstance(each, click.Option) and not each.hidden]
    assert {each.opts[-1]: words[each.opts[-1]] for each in options} == {each.opts[-1]: 1 for each in options}


@pytest.mark.parametrize("name", MANY)
def test_every_option_has_a_section(name: str) -> None:
    """One that has none is shown under Options, among those of every command."""
    known = [parameter for names in SECTIONS.values() for parameter in names]
    assert max(Counter(known).values()) == 1
    shown = {each.name for each in commands.commands[name].params if isinstance(each, click.Option) and not each.hidden}
    assert shown <= set(known)


def test_sections_of_score() -> None:
    found = sections_in(CliRunner().invoke(commands, ["score", "--help"]).output)
    assert list(found)[1:] == list(SECTIONS)
    assert "--target " in found["What is explained"]
    assert "--genome" in found["DNA: what is scored"]
    assert "--shard" in found["Many machines"]
    assert "--upper-case" not in str(found)


def test_an_option_without_a_section_is_shown_too() -> None:
    @click.command(cls=CommandInSections)
    @click.option("--new")
    @click.option("--seed")
    def command() -> None:
        """Do nothing."""

    found = sections_in(CliRunner().invoke(command, ["--help"]).output)
    assert "--new" in found["Options"]
    assert "--seed" in found["References"]
