"""The lookup tables of a SavedModel, read from its initialisers without running them.

A table is filled while TensorFlow loads the folder, by a function that copies two constants into it. Here that
function is read: it says which constants are the keys and the values of which table.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.graph_model import node_of
from deeplift_tf.conversion.readers.untrusted.limits import MAX_CALLS
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


class Contents(NamedTuple):
    """What a table holds.

    Attributes
    ----------
    keys : np.ndarray, shape (entries,)
    values : np.ndarray, shape (entries,)
    """

    keys: np.ndarray
    values: np.ndarray


class Frame(NamedTuple):
    """The nodes of a graph or of a function, with the nodes of the graph that a function's arguments stand for."""

    nodes: Mapping[str, Any]
    arguments: Mapping[str, Any]

    def source(self, tensor: str) -> Any:
        """Return the constant or the table that a tensor is; None if it is neither."""
        for _ in range(len(self.nodes) + 1):
            name = node_of(tensor)
            if name in self.arguments:
                return self.arguments[name]
            node = self.nodes.get(name)
            if node is None or node.op == "Const" or node.op in TABLES:
                return node
            if node.op != "Identity":
                return None
            tensor = node.input[0]
        return None


def tables_of(graph: Any) -> dict[str, Contents]:
    """Return the contents of every table that constants fill, by the table's node."""
    functions = {function.signature.name: function for function in graph.library.function}
    main = Frame({node.name: node for node in graph.node}, {})
    return dict(_filled(main, functions, filling_in(functions), [MAX_CALLS]))


def filling_in(functions: Mapping[str, Any]) -> set[str]:
    """Return the functions that fill a table, or call one that does."""
    found = {name for name, each in functions.items() if any(node.op in FILLING for node in each.node_def)}
    while True:
        callers = {
            name
            for name, each in functions.items()
            if any("f" in node.attr and node.attr["f"].func.name in found for node in each.node_def)
        }
        if callers <= found:
            return found
        found |= callers


def _filled(
    frame: Frame, functions: Mapping[str, Any], filling: Container[str], left: list[int]
) -> Iterator[tuple[str, Contents]]:
    for node in frame.nodes.values():
        if node.op in FILLING:
            table, keys, values = (frame.source(ref) for ref in node.input[:3])
            if table is not None and table.op in TABLES and None not in (keys, values):
                yield table.name, contents(table.name, keys, values)
        called = functions.get(node.attr["f"].func.name) if "f" in node.attr else None
        if called is None or called.signature.name not in filling:
            continue
        left[0] -= 1
        if left[0] < 0:
            raise ModelFileError(f"expected functions that call at most {MAX_CALLS} others; found more")
        given = [frame.source(ref) for ref in node.input if not ref.startswith("^")]
        names = [argument.name for argument in called.signature.input_arg]
        inner = Frame({each.name: each for each in called.node_def}, dict(zip(names, given, strict=False)))
        yield from _filled(inner, functions, filling, left)


def contents(table: str, keys: Any, values: Any) -> Contents:
    """Return what two constants put into a table.

    Raises
    ------
    ModelFileError
        If they are not as many keys as values.
    """
    found = [np.ravel(tf.make_ndarray(node.attr["value"].tensor)) for node in (keys, values)]
    if found[0].shape != found[1].shape:
        raise ModelFileError(
            f"table {table!r}: expected as many keys as values; found {len(found[0])} and {len(found[1])}"
        )
    return Contents(*found)
