"""Fusion: regions of operations that are one layer (activations, softmax, norms), recognised by what they compute.

TensorFlow writes one function in many ways: GELU by erf or erfc, softmax with or without the largest unit taken off
first, layer normalisation as a batch normalisation with moments of its own. So a region is looked for by its form
alone (everything in it depends on one value, by arithmetic and reductions), run on numbers, and compared with what it
might be. A scalar function that is none of those known still is one Elementwise layer.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.tf_graph.layouts import plain_view
from deeplift_tf.conversion.tf_graph.op_subgraph import OpSubgraph, leaves_of, operations_between
from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value
from deeplift_tf.conversion.tf_graph.points import is_continuous, points_of, same_at, turns_of
from deeplift_tf.conversion.tf_graph.shape_inference import ShadowGraph
from deeplift_tf.errors import DeepLiftError
from deeplift_tf.layers.base import Layer
from deeplift_tf.layers.gates import Steps
from deeplift_tf.layers.kinds import Elementwise
from deeplift_tf.layers.normalization import Scale
from deeplift_tf.layers.norms import Norm, UnitNorm
from deeplift_tf.layers.several_axes import SeveralAxes
from deeplift_tf.layers.softmax import LogSoftmax, LogSumExp, Softmax, Sparsemax
from deeplift_tf.rules import secants

ARITHMETIC = """
    Abs Acos Acosh Add AddN AddV2 Asin Asinh Atan Atanh BiasAdd Cast Ceil ClipByValue Cos Cosh Div DivNoNan Elu Equal
    Erf Erfc Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual Inv IsFinite IsInf IsNan LeakyRelu Less LessEqual
    Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mul MulNoNan Neg NotEqual OnesLike Pow RealDiv
    Reciprocal Relu Relu6 Rint Round Rsqrt Select SelectV2 Selu Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Square
    Bitcast BitwiseAnd SquaredDifference Sub Tan Tanh Xdivy Xlog1py Xlogy ZerosLike
"""
UNIT_BY_UNIT = frozenset(ARITHMETIC.split())
"""Operations whose output depends, unit by unit, on the same unit of their inputs."""

REDUCTIONS = "Cumsum ExpandDims LogSoftmax Max Mean Reshape Softmax Squeeze Sum TopKV2 Transpose"
REDUCING = frozenset(REDUCTIONS.split())
"""What else stands in softmax, in sparsemax and in norms."""

FARTHEST = 24  # steps that a region may reach back
MOST_AXES = 5  # of TensorFlow's softmax on a processor with oneDNN
OPEN_SIZE = 5  # at which open axes are tried
TOLERANCE = 2e-5  # of float32; a wrong candidate misses by far more
CANCELLED = 1e-6  # of x: half of x(1 + erf(x/√2)) is zero for x < −6, and rounded before
SIZES_OF_X = (1e-12, 1e-7, 1e-4, 0.01, 1.0, 8.0, 100.0, 1e4, 1e8)
"""At which vector functions are tried: a wrong epsilon or floor shows at small ones, a limit at large ones."""

COMPARING = frozenset(["Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "NotEqual"])
COUNTING = frozenset(
    ["Bitcast", "Ceil", "Floor", "FloorDiv", "FloorMod", "IsFinite", "IsInf", "IsNan", "Rint", "Round", "Sign"]
)
SIDES = frozenset(["Greater", "GreaterEqual", "Less", "LessEqual", "Sign"])
PIECEWISE = frozenset(["Abs", "Add", "AddV2", "Mul", "Neg", "RealDiv", "Square", "Sub"])
JUMPING = COMPARING | COUNTING
"""Operations by which a function may jump."""

WRITTEN = "Add AddV2 Div ExpandDims Identity Inv Mul Neg RealDiv Reciprocal Reshape Squeeze Shape StopGradient Sub Sum"
COMMON = frozenset(WRITTEN.split())
OF_SOFTMAX = COMMON | frozenset(["Exp", "Log", "LogSoftmax", "Max", "Softmax"])
OF_NORMS = COMMON | frozenset(["Maximum", "Mean", "Minimum", "Pow", "Rsqrt", "Sqrt", "Square", "SquaredDifference"])
"""What they are written with. A region with any other operation, such as a limit for scores, is another function."""

OF_SPARSEMAX = COMMON | frozenset(
    ["Cast", "Cumsum", "Greater", "Maximum", "Relu", "Select", "SelectV2", "TopKV2", "Transpose"]
)
TAKING_THE_LARGEST_OFF = frozenset(["IsFinite", "Select", "SelectV2", "ZerosLike"])


class FusedRegion(NamedTuple):
    """Layers that stand for a region.

    Attributes
    ----------
    root : Value
        What the region is a function of.
    layers : tuple of Layer
        One after another.
    name : str
    by_unit : bool
        Whether they look at each unit alone.
    """

    root: Value
    layers: tuple[Layer, ...]
    name: str
    by_unit: bool


class Fusion:
    """Finds the regions of an inlined graph.

    Parameters
    ----------
    scratch : ShadowGraph
    """

    def __init__(self, scratch: ShadowGraph) -> None:
        self.scratch = scratch
        self.unit_chains: dict[Value, tuple[Value, ...]] = {}
        self.chains: dict[Value, tuple[Value, ...]] = {}

    def see(self, operation: Operation) -> None:
        """Note what the outputs of an operation are functions of; its inputs have been seen."""
        for index in range(len(operation.specs)):
            value = Value(operation, index)
            alone = value.depends == Depends.INPUTS
            units = operation.type in UNIT_BY_UNIT and self.keeps_shape(operation)
            vector = operation.type in UNIT_BY_UNIT or operation.type in REDUCING
            self.unit_chains[value] = (
                (value, *self.shared(operation, self.unit_chains)) if alone and units else (value,)
            )
            self.chains[value] = (value, *self.shared(operation, self.chains)) if alone and vector else (value,)

    @staticmethod
    def keeps_shape(operation: Operation) -> bool:
        """Whether all inputs that vary have the shape of the output."""
        shape = operation.specs[0].shape.as_list()
        return all(value.spec.shape.as_list() == shape for value in operation.inputs if value.depends == Depends.INPUTS)

    @staticmethod
    def shared(operation: Operation, chains: dict[Value, tuple[Value, ...]]) -> tuple[Value, ...]:
        """Return the values that all inputs are functions of, the nearest first."""
        varying = [value for value in operation.inputs if value.depends == Depends.INPUTS]
        first, *others = (chains[value] for value in varying)
        return tuple(value for value in first if all(value in other for other in others))[:FARTHEST]

    def found(self, operation: Operation) -> FusedRegion | None:
        """Return the layers of the region that ends in an operation; None where it is an operation of its own."""
        value = Value(operation)
        varying = {each for each in operation.inputs if each.depends == Depends.INPUTS}
        if not value.is_float or len(varying) < 2:
            return self.vector_function(value) if value.is_float and ends_in_difference(operation) else None
        return self.vector_function(value) or self.scalar_function(value)

    def scalar_function(self, value: Value) -> FusedRegion | None:
        """Return the Elementwise layer of a region that looks at each unit alone."""
        roots = [root for root in self.unit_chains[value][1:] if root.is_float]
        if not roots:
            return None
        root = roots[0]
        operations = list(operations_between([value], {root}))
        read = [each for operation in operations for each in operation.inputs]
        constants = [each for each in read if each.depends == Depends.NOTHING]
        if leaves_of([each for each in read if each.depends == Depends.SIZES], {root}):
            return None
        scalar = all(each.spec.shape.num_elements() == 1 for each in constants)
        known = self.named(root, value, operations) if scalar else None
        if known is not None:
            return FusedRegion(root, (Elementwise(known),), known.name or "elementwise", scalar)
        subgraph = OpSubgraph(self.scratch, [value], [(root, plain_view(value.spec.shape.rank))], {})
        kind = Steps if self.may_jump(root, value, operations) else Elementwise
        return FusedRegion(root, (kind(secants.quotient(subgraph)),), "elementwise", scalar)

    def may_jump(self, root: Value, value: Value, operations: Sequence[Operation]) -> bool:
        """Whether a region may jump: unless it has one value on both sides of wherever a comparison turns.

        Known is where comparisons turn that ask for the root itself, or for the side of a constant on which an affine
        function of it lies, its absolute value or its square.
        """
        deciding = [operation for operation in operations if operation.type in JUMPING]
        direct = [operation for operation in deciding if at_constants(operation, root)]
        turning = [operation for operation in deciding if operation not in direct]
        limits = self.constants_of(direct)
        if any(limit.size != 1 for limit in limits) or not all(turns_simply(each, root) for each in turning):
            return True
        shape = [size or 1 for size in root.spec.shape]

        def values(x: np.ndarray, made: Value = value) -> np.ndarray:
            rows = -(-len(x) // max(1, int(np.prod(shape[1:]))))
            return self.scratch.evaluate([made], {root: np.resize(x, [rows, *shape[1:]])})[0].ravel()[: len(x)]

        dtype = self.scratch.dtype.as_numpy_dtype
        constants = [float(c) for array in self.constants_of(operations) for c in array.ravel()]
        try:
            if limits and not is_continuous(values, [float(limit.ravel()[0]) for limit in limits], dtype):
                return True
            sides = [turns_of(functools.partial(values, made=Value(each)), constants, dtype) for each in turning]
            return not all(same_at(values, (below, above), below) for below, above in sides if len(below))
        except DeepLiftError:
            raise
        except (tf.errors.OpError, ValueError):
            return True

    def named(self, root: Value, value: Value, operations: Sequence[Operation]) -> secants.Function | None:
        """Return the function of this package that a region of scalar constants is, at all points that tell them apart.

        Where a region jumps at numbers that it computes, no points tell: it stays what it is.
        """
        if any(operation.type in JUMPING and not at_constants(operation, root) for operation in operations):
            return None
        dtype = self.scratch.dtype.as_numpy_dtype
        points = points_of([float(c) for array in self.constants_of(operations) for c in array.ravel()], dtype)
        shape = [size or 1 for size in root.spec.shape]
        shape[0] = -(-len(points) // max(1, int(np.prod(shape[1:]))))
        x = np.resize(points, shape)
        try:
            (y,) = self.scratch.evaluate([value], {root: x})
        except DeepLiftError:
            raise
        except (tf.errors.OpError, ValueError):
            return None
        at = dict(zip(points.tolist(), y.ravel()[: len(points)].tolist(), strict=True))
        for function in candidates(at):
            if same_values(np.asarray(function.value(tf.constant(x))), y, x):
                return function
        return None

    def vector_function(self, value: Value) -> FusedRegion | None:
        """Return softmax or a relative of it, or a norm with its scale and shift, where a region is one."""
        for root in reversed(self.chains[value][1:]):
            if not root.is_float or root.spec.shape.rank is None or root.spec.shape.rank > MOST_AXES:
                continue
            operations = list(operations_between([value], {root}))
            if not written_as_known(operations):
                continue
            axes = {reduced_axes(self.scratch, each) for each in operations if each.type in ("Max", "Mean", "Sum")}
            for each in axes - {None}:
                layers = self.matching(root, value, each, operations)  # type: ignore[arg-type]
                if layers:
                    return FusedRegion(root, layers, type(layers[0]).__name__.lower(), False)
        return None

    def matching(
        self, root: Value, value: Value, axes: tuple[int, ...], operations: Sequence[Operation]
    ) -> tuple[Layer, ...] | None:
        """Return the layers that compute what a region does."""
        rank = root.spec.shape.rank
        if 0 in axes:
            return None
        from_end = tuple(sorted(axis - rank for axis in axes))
        rng = np.random.default_rng(0)
        shape = [3, *(OPEN_SIZE if size is None else size for size in root.spec.shape[1:])]
        inputs = [rng.normal(0, size, shape).astype(self.scratch.dtype.as_numpy_dtype) for size in SIZES_OF_X]
        try:
            outputs = [self.scratch.evaluate([value], {root: x})[0] for x in inputs]
        except DeepLiftError:
            raise
        except (tf.errors.OpError, ValueError):
            return None
        if not all(np.isfinite(y).all() for y, size in zip(outputs, SIZES_OF_X, strict=True) if size <= 1):
            return None  # nothing that could be compared
        constants = self.constants_of(operations)
        for layer in vector_candidates(from_end, [float(c.ravel()[0]) for c in constants if c.size == 1]):
            plain = [layer.forward(tf.constant(x)).numpy() for x in inputs]
            if any(a.shape != b.shape for a, b in zip(plain, outputs, strict=True)):
                continue
            if all(map(close, plain, outputs)):
                return (layer,)
            fitted = self.fitted(plain, outputs, constants) if isinstance(layer, Norm) else None
            if fitted is not None:
                return (layer, fitted)
        return None

    def constants_of(self, operations: Sequence[Operation]) -> list[np.ndarray]:
        """Return the arrays of floats that operations read."""
        values = [each for operation in operations for each in operation.inputs]
        values = [value for value in values if value.depends == Depends.NOTHING and value.is_float]
        self.scratch.fold(values)
        return [self.scratch.arrays[value] for value in values]

    def fitted(self, plain: list[np.ndarray], outputs: list[np.ndarray], constants: list[np.ndarray]) -> Scale | None:
        """Return the scale and shift that lead from a norm to what the region computes."""
        shape = plain[0].shape[1:]
        found = [c[0] if c.ndim > len(shape) and len(c) == 1 else c for c in constants]
        found = [np.broadcast_to(c, shape) for c in found if broadcasts(c.shape, shape) and np.isfinite(c).all()]
        scales = [np.ones(shape), *found]
        shifts = [np.zeros(shape), *found]
        for scale in scales:
            for shift in shifts:
                if all(close(z * scale + shift, y) for z, y in zip(plain, outputs, strict=True)):
                    return Scale(*(tf.constant(shortest(each), self.scratch.dtype) for each in (scale, shift)))
        return None


def ends_in_difference(operation: Operation) -> bool:
    """Whether an operation is a rectifier or exp of the difference of two values that vary: sparsemax, softmax."""
    before = operation.inputs[0].operation
    varying = [value for value in before.inputs if value.depends == Depends.INPUTS]
    return operation.type in ("Exp", "Maximum", "Relu") and before.type == "Sub" and len(varying) == 2


def at_constants(operation: Operation, root: Value) -> bool:
    """Whether an operation compares what a region is a function of with a constant, and does nothing else."""
    fixed = [value for value in operation.inputs if value != root]
    return operation.type in COMPARING and len(fixed) < 2 and all(v.depends == Depends.NOTHING for v in fixed)


def turns_simply(operation: Operation, root: Value) -> bool:
    """Whether an operation asks for the side of a constant on which an affine function lies, its square or size."""
    left, done = [operation], set[Operation]()
    while left:
        one = left.pop()
        varying = [value for value in one.inputs if value.depends != Depends.NOTHING]
        if len(varying) != 1 or one.type not in (SIDES if one is operation else PIECEWISE):
            return False
        done.add(one)
        left.extend(value.operation for value in varying if value != root)
    return True


def same_values(found: np.ndarray, expected: np.ndarray, x: np.ndarray) -> bool:
    """Whether two functions are the same at x, up to what rounding leaves of terms as large as x that cancel."""
    with np.errstate(all="ignore"):
        close = np.abs(found - expected) <= TOLERANCE * np.abs(expected) + CANCELLED * np.abs(x)
    close &= np.isfinite(expected)  # any number is within a share of infinity
    return bool(np.all(close | (found == expected) | (np.isnan(found) & np.isnan(expected))))


def written_as_known(operations: Sequence[Operation]) -> bool:
    """Whether a region is written with the operations of softmax, or with those of norms, alone."""
    kinds = {operation.type for operation in operations}
    finite = "IsFinite" in kinds
    if "TopKV2" in kinds:
        return kinds <= OF_SPARSEMAX
    return kinds <= OF_NORMS or kinds <= (OF_SOFTMAX | TAKING_THE_LARGEST_OFF if finite else OF_SOFTMAX)


def broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether an array of one shape fits another."""
    return len(shape) <= len(wanted) and all(
        a in (1, b) for a, b in zip(reversed(shape), reversed(wanted), strict=False)
    )


def shortest(array: np.ndarray) -> np.ndarray:
    """Return an array with axes along which it does not change reduced to one unit, leading ones left out."""
    for axis in range(array.ndim):
        first = np.take(array, [0], axis)
        array = first if np.array_equal(np.broadcast_to(first, array.shape), array) else array
    while array.ndim and array.shape[0] == 1:
        array = array[0]
    return array


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Equal up to rounding, relative to the largest, in rows in which the region does not overflow."""
    rows = np.isfinite(expected).reshape(len(expected), -1).all(-1)
    gaps = np.abs(found[rows] - expected[rows])
    return bool(gaps.max(initial=0) <= TOLERANCE * np.abs(expected[rows]).max(initial=0))


def reduced_axes(scratch: ShadowGraph, operation: Operation) -> tuple[int, ...] | None:
    """Return the axes over which an operation reduces, counted from the start; None where they are not known."""
    value = operation.inputs[1]
    if value.depends != Depends.NOTHING or operation.inputs[0].spec.shape.rank is None:
        return None
    rank = operation.inputs[0].spec.shape.rank
    return tuple(sorted(int(axis) % rank for axis in np.atleast_1d(scratch.array(value))))


def candidates(at: dict[float, float]) -> Iterator[secants.Function]:
    """Yield the scalar functions that a region may be, with the parameters that its values tell."""
    yield from secants.ACTIVATIONS.values()
    yield from (secants.gelu(True), secants.square(), secants.absolute(), secants.log1p(), secants.expm1())
    left, far = at.get(-1.0, 0.0), min(at)
    if left < 0:
        yield secants.leaky_relu(-left)
        yield secants.elu(float(-at[far]))
    right = max(at)
    if at[right] < right and at[far] > far:
        yield secants.clip(at[far], at[right])


def vector_candidates(axes: tuple[int, ...], numbers: Sequence[float]) -> Iterator[Any]:
    """Yield the vector functions that a region may be."""
    if len(axes) == 1:
        yield Softmax(axes[0])
        yield LogSoftmax(axes[0])
        yield LogSumExp(axes[0], keepdims=True)
        yield LogSumExp(axes[0], keepdims=False)
        yield Sparsemax(axes[0], cumulated=True)
        yield Sparsemax(axes[0], cumulated=False)
    else:
        yield SeveralAxes(Softmax(-1), axes)
        yield SeveralAxes(LogSoftmax(-1), axes)
        yield SeveralAxes(LogSumExp(-1, keepdims=True), axes)
        yield SeveralAxes(LogSumExp(-1, keepdims=False), axes)
    for epsilon in sorted({number for number in numbers if 0 < number < 0.1}):
        yield Norm(axes, epsilon, centred=True)
        yield Norm(axes, epsilon, centred=False)
    yield UnitNorm(axes=axes)
    # a floor for lengths, for their squares, or a limit for 1/length
    for floor in sorted({min(number, 1 / number) for number in numbers if 1e-150 < number < 1e150}):
        yield UnitNorm(axes=axes, epsilon=floor)
        yield UnitNorm(axes=axes, epsilon=floor * floor)
