"""The command group ``deeplift-tf``."""

from __future__ import annotations

import click

from deeplift_tf import __version__
from deeplift_tf.cli.demo import demo
from deeplift_tf.cli.doctor import doctor
from deeplift_tf.cli.errors import Commands
from deeplift_tf.cli.export import export
from deeplift_tf.cli.inspect import inspect
from deeplift_tf.cli.merge import merge
from deeplift_tf.cli.plot import plot
from deeplift_tf.cli.report import report
from deeplift_tf.cli.score import score
from deeplift_tf.cli.versions import version_line


@click.group(
    cls=Commands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="deeplift-tf", message=version_line())
@click.option("--debug", is_flag=True, help="On an error, show where it came from.")
def commands(debug: bool) -> None:
    """DeepLIFT importance scores for saved Keras models."""


commands.add_command(demo)
commands.add_command(doctor)
commands.add_command(export)
commands.add_command(inspect)
commands.add_command(merge)
commands.add_command(plot)
commands.add_command(report)
commands.add_command(score)
