"""Names of tensors in signatures."""

from __future__ import annotations

import re


def tensor_name(name: str) -> str:
    """Return a name as signatures can hold it: letters, digits and underscores, a letter first."""
    safe = re.sub(r"\W", "_", name, flags=re.ASCII)
    return safe if re.match(r"[A-Za-z]", safe) else f"input_{safe.lstrip('_')}"
