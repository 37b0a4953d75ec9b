"""The lookup tables of a SavedModel, read from its initialisers without running them.

A table is filled while TensorFlow loads the folder, by a function that copies two constants into it. Here that
function is read: it says which constants are the keys and the values of which table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from deeplift_tf.conversion.readers.frames import Frame, frames, function_called
from deeplift_tf.conversion.readers.untrusted.constants import array_of
from deeplift_tf.errors import ModelFileError

TABLES = ("HashTableV2", "HashTable", "MutableHashTableV2", "MutableHashTable")
FILLING = (
    "InitializeTable",
    "InitializeTableV2",
    "LookupTableImport",
    "LookupTableImportV2",
    "LookupTableInsert",
    "LookupTableInsertV2",
)
"""Operations that put keys and values, their second and third inputs, into a table, their first."""


class TableContents(NamedTuple):
    """What a table holds.

    Attributes
    ----------
    keys : np.ndarray, shape (entries,)
    values : np.ndarray, shape (entries,)
    """

    keys: np.ndarray
    values: np.ndarray


def tables_of(graph: Any) -> dict[str, TableContents]:
    """Return the contents of every table that constants fill, by the table's node."""
    filling = filling_in(graph.library.function)
    walked = frames(graph, ("Identity",), lambda _, node: function_called(node) in filling)
    return dict(pair for frame in walked for pair in _filled(frame))


def filling_in(functions: Iterable[Any]) -> set[str]:
    """Return the functions that fill a table, or call one that does."""
    callers: dict[str, list[str]] = {}
    left = []
    for function in functions:
        name = function.signature.name
        for node in function.node_def:
            callers.setdefault(function_called(node), []).append(name)
        left += [name] if any(node.op in FILLING for node in function.node_def) else []
    found: set[str] = set()
    while left:
        name = left.pop()
        left += callers.get(name, []) if name not in found else []
        found.add(name)
    return found


def _filled(frame: Frame) -> Iterator[tuple[str, TableContents]]:
    """Yield what the operations of one frame put into tables."""
    for node in frame.nodes.values():
        if node.op in FILLING:
            table, keys, values = (found.node if found else None for found in map(frame.source, node.input[:3]))
            if table is not None and table.op in TABLES and _is_constant(keys) and _is_constant(values):
                yield table.name, contents(table.name, keys, values)


def _is_constant(node: Any) -> bool:
    return node is not None and node.op == "Const"


def contents(table: str, keys: Any, values: Any) -> TableContents:
    """Return what two constants put into a table.

    Raises
    ------
    ModelFileError
        If there are not as many keys as values, or far more than the file stores.
    """
    found = [np.ravel(array_of(node)) for node in (keys, values)]
    if found[0].shape != found[1].shape:
        raise ModelFileError(
            f"table {table!r}: expected as many keys as values; found {len(found[0])} and {len(found[1])}"
        )
    return TableContents(*found)
