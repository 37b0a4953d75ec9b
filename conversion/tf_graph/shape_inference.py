"""Shape inference with a shadow graph of TensorFlow, which also computes values that depend on no input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.untrusted.limits import MAX_FOLDED_FACTOR, MAX_STRIDE, MAX_TRIED, SPARE_FOLDED
from deeplift_tf.conversion.tf_graph.folded_sizes import elements_of
from deeplift_tf.conversion.tf_graph.import_op import run
from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value
from deeplift_tf.conversion.tf_graph.symbolic_shapes import Partial, computed
from deeplift_tf.errors import DeepLiftError, ModelFileError, UnsupportedLayerError
from deeplift_tf.scoring.capacity import check_row, row_elements

LARGE = 4096  # elements; larger constants are fed, since a graph holds two gigabytes at most
PROBES = ((2, 24), (3, 37))
"""Rows, and sizes of open axes, at which values that depend on sizes are computed to see whether they change."""

COUNTED = {
    "Add": np.add,
    "AddV2": np.add,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "LogicalAnd": np.logical_and,
    "LogicalNot": np.logical_not,
    "LogicalOr": np.logical_or,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mul": np.multiply,
    "NotEqual": np.not_equal,
    "Sub": np.subtract,
}
"""What loops count with: done at once, since every run of the graph takes its time."""

SHAPED = {"BroadcastTo": 1, "Fill": 0, "Reshape": 1}
"""Operations whose output has the shape that an input says."""

COUNTING = ("DenseBincount", "RaggedBincount", "SparseToDense")
"""Operations whose output is as large as an input says, which is computed from what is counted or joined."""

READ_SIZES = frozenset({"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"})
"""Operations that look at no values."""


class ShadowGraph:
    """Every operation that is met, with its shapes as TensorFlow infers them.

    Parameters
    ----------
    dtype : tf.DType
        In which floats are computed.
    version : int
        Of the graph that is read.
    """

    def __init__(self, dtype: tf.DType, version: int) -> None:
        self.dtype, self.version = dtype, version
        self.graph = tf.Graph()
        self.tensors: dict[Value, tf.Tensor] = {}
        self.fed: dict[tf.Tensor, np.ndarray] = {}
        self.arrays: dict[Value, np.ndarray] = {}
        self.sizes: dict[Value, Partial] = {}
        self.left = SPARE_FOLDED
        self.fitting: set[tuple[tuple[int, ...], ...]] = set()
        self._session: Any = None
        self.inputs: list[Value] = []
        self.fixed_rows: int | None = None
        self.held: set[Value] = set()
        self.counted: list[Value] = []

    def place(self, name: str, spec: tf.TensorSpec) -> Value:
        """Add an input of the model."""
        check_row(name, row_elements(spec.shape) if spec.shape.rank else 1, UnsupportedLayerError)
        with self.graph.as_default():
            tensor = tf.compat.v1.placeholder(spec.dtype, spec.shape)
        value = Value(Operation(name, "Placeholder", None, (), (spec,), Depends.INPUTS))
        self.tensors[value] = tensor
        self.inputs.append(value)
        return value

    def stored(self, name: str, array: np.ndarray) -> Value:
        """Add an array that the model holds; constants that are computed may grow with what it holds."""
        self.left += MAX_FOLDED_FACTOR * array.size
        value = self.constant(name, array)
        self.held.add(value)
        return value

    def constant(self, name: str, array: Any) -> Value:
        """Add a constant; floats become those of the network."""
        array = np.asarray(array)
        if tf.as_dtype(array.dtype).is_floating:
            array = array.astype(self.dtype.as_numpy_dtype)
        with self.graph.as_default():
            if array.size > LARGE:
                tensor = tf.compat.v1.placeholder(array.dtype, array.shape)
                self.fed[tensor] = array
            else:
                tensor = tf.constant(array)
        spec = tf.TensorSpec(array.shape, tensor.dtype)
        value = Value(Operation(name, "Const", None, (), (spec,), Depends.NOTHING))
        self.tensors[value], self.arrays[value] = tensor, array
        return value

    def add(self, name: str, node: Any, inputs: Sequence[Value], outputs: int) -> list[Value]:
        """Add an operation; one whose value TensorFlow knows from shapes alone becomes a constant.

        Raises
        ------
        ValueError
            If TensorFlow does not accept it.
        """
        if node.op in COUNTED and all(self.counts(value) for value in inputs):
            self.counted.extend(value for value in inputs if value in self.held)
            return [self.constant(name, COUNTED[node.op](*(self.arrays[value] for value in inputs)))]
        check_strides(name, node)
        inputs = [inputs[0], self.open_rows(*inputs)] if node.op == "Reshape" else inputs
        tensors = self.run(node, inputs, outputs)
        depends = max((value.depends for value in inputs), default=Depends.NOTHING)
        if depends == Depends.NOTHING and not all(tensor.shape.is_fully_defined() for tensor in tensors):
            tensors = self.run(node, [self.known(value) for value in inputs], outputs)
        if node.op == "Tile" and inputs[1].depends == Depends.NOTHING and is_open(tensors[0].shape):
            tensors = self.run(node, [inputs[0], self.known(inputs[1])], outputs)
        if node.op in SHAPED:
            self.shape(tensors[0], self.partial(inputs[SHAPED[node.op]]))
        if node.op == "Reshape":
            self.shape_of_rows(tensors[0], *inputs)
        if node.op in COUNTING:
            self.shape_as_tried(tensors[0])
        depends = min(depends, Depends.SIZES) if node.op in READ_SIZES else depends
        specs = tuple(tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors)
        known = self.size(node, inputs, tensors[0]) if depends == Depends.SIZES and len(tensors) == 1 else None
        if known is not None and None not in known.ravel().tolist():
            return [self.constant(name, known.astype(tensors[0].dtype.as_numpy_dtype))]
        if depends == Depends.NOTHING:
            is_plain = all(spec.shape.is_fully_defined() and spec.dtype != tf.string for spec in specs)
            given = [] if is_plain else list(map(self.whole, inputs))
            self.take(name, elements_of(name, node, given, specs))
        for spec in specs:
            check_row(name, row_elements(spec.shape) if spec.shape.rank else 1, UnsupportedLayerError)
        operation = Operation(name, node.op, node, tuple(inputs), specs, depends)
        values = [Value(operation, index) for index in range(outputs)]
        self.tensors |= zip(values, tensors, strict=True)
        if known is not None:
            self.sizes[values[0]] = known
        return values

    def size(self, node: Any, inputs: Sequence[Value], tensor: tf.Tensor) -> Partial | None:
        """Return what is known of a value that depends on sizes: None in place of open ones."""
        if not tensor.dtype.is_integer:
            return None
        if node.op == "Shape" and inputs[0].spec.shape.rank is not None:
            return np.array([*inputs[0].spec.shape, None], object)[:-1]
        static = tf.get_static_value(tensor)
        if static is not None:
            return np.asarray(static, object)
        found = computed(node, [self.partial(each) for each in inputs])
        return found if found is not None and tensor.shape.is_compatible_with(found.shape) else None

    @staticmethod
    def shape(tensor: tf.Tensor, sizes: Partial | None) -> None:
        """Tell TensorFlow what is known of the shape of a tensor."""
        if sizes is not None and sizes.ndim == 1:
            tensor.set_shape([None if size is None or size < 0 else size for size in sizes.tolist()])

    def shape_of_rows(self, tensor: tf.Tensor, value: Value, sizes: Value) -> None:
        """Tell TensorFlow how large -1 is where rows stay rows: it does not see that in ``[tf.shape(x)[0], -1]``."""
        wanted, units = self.partial(sizes), value.spec.shape[1:].num_elements() if value.spec.shape.rank else None
        first, *others = [None] if wanted is None or wanted.ndim != 1 or not wanted.size else wanted.tolist()
        unknown = wanted is None and is_open(tensor.shape) and not is_open(value.spec.shape)
        if unknown or (first is None and None in others and others.count(-1) == 1):
            self.shape_as_tried(tensor)
            return
        known = prod(size for size in others if size is not None and size != -1)
        if first is not None or None in others or others.count(-1) != 1 or not units or not known or units % known:
            return
        firsts = [found[0].tolist()[0] for found in self.probed([sizes])]
        same = firsts == [rows for rows, _ in PROBES]
        if same or (firsts and firsts == self.row_counts(value)):  # rows merged with others
            tensor.set_shape([None, *(units // known if size == -1 else size for size in others)])

    def open_rows(self, value: Value, sizes: Value) -> Value:
        """Return the sizes of a reshape with the number of rows left open, where they name it and rows stay rows."""
        shape = value.spec.shape
        is_known = sizes in self.arrays or (self.fixed_rows is not None and sizes.depends == Depends.NOTHING)
        if not is_known or not shape.rank or shape[0] is not None:
            return sizes
        first, *others = self.array(sizes).tolist() or [-1]
        units, known = shape[1:].num_elements(), abs(prod(others))
        named = first == self.fixed_rows
        if -1 in others:
            if not named or not units or not known or units % known or self.row_counts(value) != [r for r, _ in PROBES]:
                return sizes
            others = [units // known if size == -1 else size for size in others]
        elif first == -1 or not (named or known == units):
            return sizes
        return self.constant(sizes.operation.name, np.array([-1, *others], self.array(sizes).dtype))

    def row_counts(self, value: Value) -> list[int]:
        """Return the length of the first axis of a value at each probe; nothing where it cannot be computed."""
        return [len(found[0]) for found in self.probed([value])]

    def shape_as_tried(self, tensor: tf.Tensor) -> None:
        """Tell TensorFlow the sizes that a tensor has at every probe."""
        tried = Value(Operation("", "Reshape", None, (), (tf.TensorSpec(tensor.shape, tensor.dtype),), Depends.INPUTS))
        self.tensors[tried] = tensor
        shapes = [found[0].shape for found in self.probed([tried])]
        del self.tensors[tried]
        if shapes:
            few, many = shapes
            tensor.set_shape([a if a == b else None for a, b in zip(few, many, strict=True)])

    def partial(self, value: Value) -> Partial | None:
        """Return what is known of an integer value."""
        if value in self.arrays and self.arrays[value].dtype.kind in "iu":
            return self.arrays[value].astype(object)
        return self.sizes.get(value)

    def counts(self, value: Value) -> bool:
        """Whether a value is a known integer or truth value."""
        return value in self.arrays and self.arrays[value].ndim == 0 and not value.is_float

    def run(self, node: Any, inputs: Sequence[Value], outputs: int) -> list[tf.Tensor]:
        """Add an operation to the graph, which infers its shapes."""
        with self.graph.as_default():
            return run(node, [self.tensors[value] for value in inputs], outputs, self.dtype, self.version)

    def known(self, value: Value) -> Value:
        """Return a value as a constant, so that sizes it holds tell the shape of what is made of it."""
        return self.constant(value.operation.name, self.array(value))

    def take(self, name: str, size: int) -> None:
        """Count a constant, before it is computed, among all that are: a file of a few bytes could fill the memory.

        Raises
        ------
        ModelFileError
            If they have more elements than any real model's.
        """
        self.left -= size
        if self.left < 0:
            raise ModelFileError(
                f"operation {name!r}: expected constants of about the size of the weights; found {size} elements more"
            )

    def fold(self, values: Iterable[Value]) -> None:
        """Compute what depends on no input, all at once."""
        left = [value for value in dict.fromkeys(values) if value not in self.arrays]
        self.arrays |= zip(left, self.evaluate(left), strict=True)

    def array(self, value: Value) -> np.ndarray:
        """Return a value that depends on no input."""
        self.fold([value])
        return self.arrays[value]

    def whole(self, value: Value) -> np.ndarray:
        """Return a value that depends on no input as an array, where TensorFlow gives a text as bytes too."""
        return np.asarray(self.array(value), object if value.spec.dtype == tf.string else None)

    def probed(self, values: Sequence[Value]) -> list[list[np.ndarray]]:
        """Compute values that depend on sizes alone, once for each probe; nothing where they cannot be computed."""
        found = []
        for rows, size in PROBES:
            given = {}
            for value in self.inputs:
                shape = [rows, *(size if axis is None else axis for axis in value.spec.shape[1:])]
                given[value] = blank(shape, value.spec.dtype)
            try:
                found.append(self.evaluate(values, given))
            except DeepLiftError:
                raise
            except (tf.errors.OpError, ValueError):
                return []
        return found

    def evaluate(self, values: Sequence[Value], given: Mapping[Value, np.ndarray] | None = None) -> list[np.ndarray]:
        """Compute values, others being given."""
        if not values:
            return []
        self.check_tried(values, given or {})
        feeds = self.fed | {self.tensors[value]: array for value, array in (given or {}).items()}
        if self._session is None:
            self._session = tf.compat.v1.Session(graph=self.graph, config=as_written())
        return list(self._session.run([self.tensors[value] for value in values], feeds))

    def check_tried(self, values: Sequence[Value], given: Mapping[Value, np.ndarray]) -> None:
        """Refuse to compute what is too large to be tried.

        Raises
        ------
        ValueError
            If a value on the way has too many elements at the sizes given.
        """
        if not given:
            return  # constants, which are counted when they are added
        if given.keys() >= set(self.inputs):
            self.check_open(given)
        rows = max((len(array) for array in given.values() if array.ndim), default=1)
        left, seen = list(values), set[Operation]()
        while left:
            value = left.pop()
            if value in given or value.operation in seen:
                continue
            seen.add(value.operation)
            left.extend(value.operation.inputs)
            sizes = [rows * row_elements(spec.shape) for spec in value.operation.specs if spec.shape.rank]
            if value.depends != Depends.NOTHING and max(sizes, default=0) > MAX_TRIED:
                raise ValueError(f"operation {value.operation.name!r}: {max(sizes)} elements are too many to be tried")

    def check_open(self, given: Mapping[Value, np.ndarray]) -> None:
        """Infer all shapes at the sizes given, in a copy of the graph, and refuse one that is too large."""
        sizes = tuple(given[value].shape[1:] for value in self.inputs)
        if sizes in self.fitting:  # for as many rows or more
            return
        copy, definition = tf.Graph(), self.graph.as_graph_def()
        with copy.as_default():
            places = {
                self.tensors[value].name: tf.compat.v1.placeholder(self.tensors[value].dtype, given[value].shape)
                for value in self.inputs
            }
            tf.graph_util.import_graph_def(definition, places, name="copy")
        for operation in copy.get_operations():
            size = max((tensor.shape.num_elements() or 0 for tensor in operation.outputs), default=0)
            if size > MAX_TRIED:
                raise ValueError(f"operation {operation.name!r}: {size} elements are too many to be tried")
        self.fitting.add(sizes)

    def close(self) -> None:
        """Free what the computations took."""
        if self._session is not None:
            self._session.close()
            self._session = None


def blank(shape: Sequence[int], dtype: tf.DType) -> np.ndarray:
    """Return zeros, or empty texts."""
    return np.full(shape, b"", object) if dtype == tf.string else np.zeros(shape, dtype.as_numpy_dtype)


def as_written() -> Any:
    """Return settings of a session that runs a graph as it is.

    TensorFlow's optimiser lays out sums and concatenations of a tensor with itself, 2^n of them from n operations; it
    would also start anew at each of the small runs here.
    """
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


def is_open(shape: tf.TensorShape) -> bool:
    """Whether more sizes of a shape are open than that of rows."""
    return shape.rank is None or None in tuple(shape)[1:]


def check_strides(name: str, node: Any) -> None:
    """Refuse a convolution whose strides or dilations are larger than any real ones.

    Raises
    ------
    UnsupportedLayerError
    """
    for key in ("strides", "dilations"):
        sizes = node.attr[key].list.i if "Conv" in node.op and key in node.attr else ()
        if max(sizes, default=0) > MAX_STRIDE:
            raise UnsupportedLayerError(
                f"operation {name!r} ({node.op}): expected {key} of at most {MAX_STRIDE}; found {list(sizes)}"
            )
