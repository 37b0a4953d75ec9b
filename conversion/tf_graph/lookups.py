"""Lookup tables of words and numbers, replaced by operations without a table.

A table of TensorFlow is a thing with a state, which neither a copy nor an export of a network would hold. Here its keys
and values are constants. Texts are found by a number made of each, which differs for all keys, and are then compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.import_op import spells
from deeplift_tf.conversion.tf_graph.inlining import Entry, Inlining, LoopFrame, TableRead, VariableRead, handles
from deeplift_tf.errors import UnsupportedLayerError

WIDTH = 1 << 62
"""Numbers that texts are turned into."""

SEEDS = 16
"""Ways to number texts that are tried: two of 10^6 keys meet in one of 10^7 tries."""


@handles("HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2")
def table(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """A table, known by its node."""
    return [TableRead(node.name)]


@handles("LookupTableFind", "LookupTableFindV2")
def find(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """The value of each key, a default in place of keys that the table lacks.

    Raises
    ------
    UnsupportedLayerError
        If what the table holds is not known.
    """
    entry, keys, default = inputs
    found = flat.model.tables.get(entry.node) if isinstance(entry, TableRead | VariableRead) else None
    if found is None:
        raise UnsupportedLayerError(
            f"operation {node.name!r} ({node.op}): expected a table that the model fills with constants; found none. "
            "Convert the Keras model itself, live or from its .keras file"
        )
    seed, numbers = numbered(found.keys, node.name)
    order = np.argsort(numbers, kind="stable")
    held = [
        flat.scratch.stored(f"{node.name}/{word}", array)
        for word, array in zip(("numbers", "keys", "values"), (numbers, *found), strict=True)
        for array in [array[order]]
    ]
    flat.read[entry.node] = held[0]
    seed_value = flat.scratch.constant(f"{node.name}/seed", np.int64(seed))
    given = [seed_value, flat.value(keys, node.name), flat.value(default, node.name), *held]
    return list(flat.compute(node, given))


@handles("LookupTableSize", "LookupTableSizeV2")
def size(flat: Inlining, frame: LoopFrame, node: Any, inputs: list[Entry]) -> list[Entry]:
    """How many keys."""
    found = flat.model.tables.get(inputs[0].node) if isinstance(inputs[0], TableRead | VariableRead) else None
    if found is None:
        raise UnsupportedLayerError(f"operation {node.name!r} ({node.op}): expected a table whose contents are known")
    return [flat.scratch.constant(node.name, np.int64(len(found.keys)))]


def numbered(keys: np.ndarray, name: str) -> tuple[int, np.ndarray]:
    """Return a seed under which all keys have different numbers, and these numbers; keys that are numbers stay so.

    Raises
    ------
    UnsupportedLayerError
        If a key stands there twice.
    """
    if keys.dtype.kind in "iuf":
        return 0, keys
    for seed in range(SEEDS):
        numbers = number_of(tf.constant(keys, tf.string), seed).numpy()
        if len(np.unique(numbers)) == len(keys):
            return seed, numbers
    raise UnsupportedLayerError(f"operation {name!r}: expected a table whose keys differ; some stand there twice")


def number_of(texts: tf.Tensor, seed: Any) -> tf.Tensor:
    """Return a number for each text."""
    salted = tf.strings.join([tf.strings.as_string(tf.cast(seed, tf.int64)), texts], separator=" ")
    return tf.strings.to_hash_bucket_fast(salted, WIDTH)


@spells("LookupTableFind", "LookupTableFindV2")
def looked_up(
    seed: tf.Tensor,
    keys: tf.Tensor,
    default: tf.Tensor,
    numbers: tf.Tensor,
    known: tf.Tensor,
    values: tf.Tensor,
) -> tf.Tensor:
    """Return the value of each key.

    Parameters
    ----------
    seed : tf.Tensor, shape ()
        Of the numbers of texts.
    keys : tf.Tensor, any shape
    default : tf.Tensor, shape ()
        In place of keys that are not known.
    numbers, known, values : tf.Tensor, shape (entries,)
        Of the keys that are known, in the order of their numbers.
    """
    if known.shape[0] == 0:
        return tf.fill(tf.shape(keys), default)
    wanted = number_of(keys, seed) if keys.dtype == tf.string else tf.cast(keys, numbers.dtype)
    flat = tf.reshape(wanted, [-1])
    place = tf.minimum(tf.searchsorted(numbers, flat), known.shape[0] - 1)
    place = tf.reshape(place, tf.shape(keys))
    found = tf.where(tf.equal(tf.gather(known, place), keys), tf.gather(values, place), default)
    return tf.ensure_shape(found, keys.shape)
