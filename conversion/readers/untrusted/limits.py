"""Limits of what a model file may ask for, against hostile files."""

from __future__ import annotations

MAX_CONFIG_BYTES = 64 << 20
"""Length of an architecture in JSON, in bytes. EfficientNetB7, among the longest, takes under 1 MB."""

MAX_CONFIG_DEPTH = 200
"""Levels of nesting in an architecture. A model inside a model adds some six."""

MAX_CONFIG_VALUES = 4_000_000
"""Values in an architecture, words of a vocabulary included: each takes some 100 bytes in memory, but 2 in JSON."""

MAX_CONFIG_OBJECTS = 500_000
"""Objects and lists in an architecture, in JSON."""

MAX_LAYERS = 8_000
"""Layers in one architecture, nested ones included: Keras and the conversion take some 7 ms for each."""

MAX_USE_FACTOR = 20
"""Uses of layers for each use that an architecture lists: models that call one another twice could make 2^n."""

SPARE_USES = 2_000
"""Uses of layers that an architecture may have beyond that."""

MAX_DIMENSION = 1 << 27
"""Largest size of one axis of an input, in elements: a human chromosome fits, base by base, in two."""

MAX_SETTING = 1 << 22
"""Largest whole number among the settings of a layer or operation, but for `UNLIMITED`: no layer counts further."""

MAX_PARTS = 1 << 12
"""Parts into which an operation may cut a tensor: Keras makes a symbolic one for each."""

PARTS = frozenset(["indices_or_sections", "num"])
"""Settings of operations that are such numbers."""

VALUES_AND_WEIGHTS = """
    alpha batch_input_shape batch_shape bin_boundaries build_config constant_values default_value epsilon
    fill_value filters idf_weights input_dim input_shape mask_value max_tokens max_value mean min_value nan
    negative_slope neginf num_bins offset oov_token oov_value posinf salt scale seed shape shape_dict stddev
    target_shape theta threshold units value value_range variance vocabulary vocabulary_size x_max x_min
"""
UNLIMITED = frozenset(VALUES_AND_WEIGHTS.split())
"""Settings that are values or seeds, or that are held against the weights of the file or against `MAX_DIMENSION`."""

MAX_STRIDE = 1 << 13
"""Stride or dilation of a convolution, in elements: TensorFlow's take time in proportion to it, and crash at 2^16."""

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

MAX_WALKED = 500_000
"""Nodes of the functions that restore a SavedModel, those of a function counted in each of its calls."""

MAX_OPERATIONS = 200_000
"""Operations of one graph with its functions and loops inlined."""

MAX_STEPS = 1024
"""Steps of one loop of a graph that are laid out one after another."""

MAX_ALL_STEPS = 8 * MAX_STEPS
"""Steps of all loops of one graph, those of a loop inside a loop counted each time; counting them first counts too."""

MAX_TRIED_STEPS = 1 << 7
"""Steps of a loop whose condition TensorFlow has to compute anew, over a graph that grows."""

MAX_FOLDED_FACTOR = 4
"""Elements that the constants a graph computes may have in all, for each element of its weights and constants."""

SPARE_FOLDED = 1 << 27
"""Elements that they may have beyond that: two causal masks of 8192 positions, for example."""

MAX_TRIED = 1 << 28
"""Elements of one value of a graph that is run while it is converted, to see what it computes."""


def too_much(declared_bytes: int, stored_bytes: int) -> bool:
    """Whether so many bytes, declared by a file that stores so few, can only be meant to fill the memory."""
    return declared_bytes > max(EXPANSION_FLOOR_BYTES, MAX_EXPANSION * stored_bytes)
