"""How much a model file may ask for: the limits that keep a hostile file from taking the machine."""

from __future__ import annotations

MAX_CONFIG_BYTES = 64 << 20
"""Length of an architecture in JSON, in bytes. EfficientNetB7, among the longest, takes under 1 MB."""

MAX_CONFIG_DEPTH = 200
"""Levels of nesting in an architecture. A model inside a model adds some six."""

MAX_LAYERS = 20_000
"""Layers in one architecture, nested ones included."""

MAX_DIMENSION = 1 << 27
"""Largest size of one axis of an input, in elements: a human chromosome fits, base by base, in two."""

MAX_MEMBERS = 10_000
"""Files in one .keras archive."""

MAX_EXPANSION = 100
"""Bytes that a file may declare for each byte it stores. Keras stores arrays uncompressed, 1 to 1."""

EXPANSION_FLOOR_BYTES = 64 << 20
"""Below this a file may declare what it likes, in bytes."""

MAX_WEIGHT_FACTOR = 4
"""Weights that an architecture may declare for each weight stored (packed or shared ones count less in the file)."""

SPARE_WEIGHTS = 1 << 20
"""Weights that an architecture may declare beyond that, in elements (scales, counters, random seeds)."""

MAX_GRAPH_BYTES = 1 << 31
"""Length of a saved_model.pb: what protobuf itself can read."""

MAX_CALLS = 10_000
"""Calls of functions by functions in one SavedModel: a few functions that call one another twice could make 2^n."""

MAX_OPERATIONS = 200_000
"""Operations of one graph once functions and loops are laid open."""

MAX_FOLDED = 1 << 29
"""Elements of one constant that a graph computes."""


def too_much(declared_bytes: int, stored_bytes: int) -> bool:
    """Whether so many bytes, declared by a file that stores so few, can only be meant to fill the memory."""
    return declared_bytes > max(EXPANSION_FLOOR_BYTES, MAX_EXPANSION * stored_bytes)
