"""Messages that commands print."""

from __future__ import annotations

from collections.abc import Sequence

import click

from deeplift_tf.printable import printable
from deeplift_tf.scoring.completeness import Completeness, MissedRows, hint_of, promised_by


def say(text: str, err: bool = False) -> None:
    """Print lines; control characters, as a file may have them in its names, are written out."""
    click.echo(printable(text, keep="\n\t"), err=err)


def say_missed(missed: MissedRows, method: str, approximate: Sequence[str] | None, strict: bool) -> None:
    """Warn of rows whose contributions miss the difference, where the method promises that none does.

    Parameters
    ----------
    missed : MissedRows
        Of all rows.
    method : str
        As it was spelled.
    approximate : sequence of str or None
        Layers of the model, None where they are not known.
    strict : bool
        End with 1.
    """
    text = Completeness(missed).warning(approximate, hint_of(method)) if promised_by(method) else None
    if text is not None:
        say(f"warning: {text}", err=True)
        if strict:
            raise click.exceptions.Exit(1)
