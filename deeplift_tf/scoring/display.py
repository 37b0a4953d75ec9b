"""Text and HTML displays of networks, scoring functions and results, for terminals and notebooks."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deeplift_tf.printable import printable
from deeplift_tf.scoring.reference_sampler import ReferenceSampler

MAX_WIDTH = 88
"""Characters of a line; a longer value ends in an ellipsis."""


class Displayed:
    """Base class of what is shown with one line per fact, as text and as an HTML table."""

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return (name, value) of each line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        facts = [(name, printable(value)) for name, value in self.facts()]
        width = max(len(name) for name, _ in facts)
        lines = [shortened(f"  {name:<{width}}  {value}") for name, value in facts]
        return "\n".join([type(self).__name__, *lines])

    def _repr_html_(self) -> str:
        """Return the same as a table; Jupyter calls it."""
        cells = [
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(printable(value))}</td></tr>"
            for name, value in self.facts()
        ]
        return f"<table><caption>{type(self).__name__}</caption>{''.join(cells)}</table>"


class DisplayedTable:
    """Base class of what is shown as the table that ``str`` makes of it."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """Return the same as HTML; Jupyter calls it."""
        return f"<pre>{html.escape(printable(self, keep=chr(10)))}</pre>"


def shortened(line: str) -> str:
    """Return a line that is not longer than a terminal's."""
    return line if len(line) <= MAX_WIDTH else f"{line[: MAX_WIDTH - 1]}…"


def shapes_of(value: Any) -> str:
    """Return the shape of an array, or of each of several, by name."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shapes_of(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shapes_of, value))
    return f"{np.shape(value)} {np.asarray(value).dtype}"


def described(value: Any) -> str:
    """Return a short text of an argument, such as a target or references."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {described(part) or 'zeros'}" for name, part in value.items())
    if isinstance(value, (str, bool, int, float, np.generic)):
        return str(value)
    if isinstance(value, (list, tuple)) and len(value) <= 8 and not any(np.ndim(part) for part in value):
        return ", ".join(map(described, value))
    if isinstance(value, ReferenceSampler):
        return str(value)
    if callable(value):
        named = getattr(value, "func", value)  # of a functools.partial
        return str(getattr(named, "__name__", type(named).__name__))
    return f"array {np.shape(value)}" if not isinstance(value, (list, tuple)) else ", ".join(map(described, value))
