"""What commands print."""

from __future__ import annotations

import click

from deeplift_tf.printable import printable


def say(text: str, err: bool = False) -> None:
    """Print lines; control characters, as a file may have them in its names, are written out."""
    click.echo(printable(text, keep="\n\t"), err=err)
