"""Node names: those of the operations, with the scopes of the model's layers."""

from __future__ import annotations

from collections.abc import Iterable


class Names:
    """Gives each node a name of its own.

    Parameters
    ----------
    taken : iterable of str
        Names that are there already.
    operations : iterable of str
        Of all operations: a scope that they share, such as the model's name, is left out.
    prefix : str
        Put before every name.
    """

    def __init__(self, taken: Iterable[str], operations: Iterable[str], prefix: str = "") -> None:
        self.taken, self.prefix = set(taken), prefix
        firsts = {name.partition("/")[0] if "/" in name else "" for name in operations}
        self.shared = f"{firsts.pop()}/" if len(firsts) == 1 and firsts != {""} else ""

    def short(self, operation: str) -> str:
        """Return an operation's name without the scope that all share."""
        return self.prefix + operation.removeprefix(self.shared)

    def owner(self, operation: str) -> str:
        """Return the scope of an operation: the layer that it comes from."""
        short = self.short(operation)
        return short.rpartition("/")[0] or short

    def of(self, operation: str, word: str = "") -> str:
        """Return a new name for a node of an operation."""
        stem = self.short(operation) + (f"/{word}" if word else "")
        name, number = stem, 1
        while name in self.taken:
            number += 1
            name = f"{stem}_{number}"
        self.taken.add(name)
        return name
