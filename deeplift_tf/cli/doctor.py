"""``deeplift-tf doctor``: what is installed, and whether it works."""

from __future__ import annotations

import click

from deeplift_tf.cli.diagnosis import run
from deeplift_tf.cli.once import Command


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--debug", is_flag=True, help="On an error, show where it came from.")
def doctor(as_json: bool, debug: bool) -> None:
    """Print versions, devices and optional parts, and run a self-test of two seconds; exit code 1 where one fails."""
    click.get_current_context().exit(run(as_json))
