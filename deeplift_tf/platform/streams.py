"""Output streams that never fail on a character: a Windows console or a C locale lacks Δ, × and others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def show_all(streams: Iterable[Any]) -> None:
    """Have streams write what their encoding lacks as escapes, in the place of an exception."""
    for stream in streams:
        if hasattr(stream, "reconfigure") and getattr(stream, "errors", None) == "strict":
            stream.reconfigure(errors="backslashreplace")
