"""Printable text: tables, and names from files, whose control codes are escaped in terminals, pages and pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence

CODES = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufdd0-\ufdef\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
"""What commands a terminal, turns the direction of a line around, ends one, is not seen, or may not stand in XML.

The joiners U+200C and U+200D stay: words of several languages are spelt with them, and emoji.
"""


def printable(text: object, keep: str = "") -> str:
    r"""Return a text with its control characters written out: ``\x1b`` for an escape.

    Parameters
    ----------
    text : object
        Its text.
    keep : str
        Those that stay, line ends of a table for example.
    """
    return CODES.sub(lambda found: found[0] if found[0] in keep else _written(found[0]), str(text))


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> str:
    """Return a table in columns of plain text, without spaces at the end of lines.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequence of str
    numbers : bool
        Whether all columns but the first are flush right.
    """
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if numbers and column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def _written(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
