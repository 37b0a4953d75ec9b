"""A way to run a command in this process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from deeplift_tf.cli.commands import commands


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])
