"""Operations of a graph, and the values that pass between them."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplift_tf.conversion.readers.untrusted.saved_model_safety import definition


class Depends(enum.IntEnum):
    """On what a value depends; the larger of two counts."""

    NOTHING = 0
    SIZES = 1  # on the sizes of the inputs alone
    INPUTS = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Operation:
    """One operation, in no function any more.

    Attributes
    ----------
    name : str
        As the graph names it.
    type : str
        Name of the operation in TensorFlow.
    node : NodeDef or None
        Its settings; None for inputs and constants.
    inputs : tuple of Value
    specs : tuple of tf.TensorSpec
        Of the outputs, floats in the dtype of the network.
    depends : Depends
    """

    name: str
    type: str
    node: Any
    inputs: tuple[Value, ...]
    specs: tuple[tf.TensorSpec, ...]
    depends: Depends

    def setting(self, name: str) -> Any:
        """Return an attribute as a Python value: TensorFlow's default where the graph leaves it out."""
        if self.node is not None and name in self.node.attr:
            return plain(self.node.attr[name])
        defaults = [each.default_value for each in definition(self.type).attr if each.name == name]
        return plain(defaults[0]) if defaults else None


class Value(NamedTuple):
    """One output of an operation."""

    operation: Operation
    place: int = 0

    @property
    def spec(self) -> tf.TensorSpec:
        """Shape and dtype."""
        return self.operation.specs[self.place]

    @property
    def depends(self) -> Depends:
        """On what it depends."""
        return self.operation.depends

    @property
    def is_float(self) -> bool:
        """Whether it can differ from a reference."""
        return bool(self.spec.dtype.is_floating)


def plain(attribute: Any) -> Any:
    """Return an attribute of a node as a Python value."""
    kind = attribute.WhichOneof("value")
    value: Any = getattr(attribute, kind) if kind else None
    if kind == "s":
        return bytes(value).decode()
    if kind == "list":
        filled = [list(getattr(value, name)) for name in ("i", "f", "b", "s", "type") if len(getattr(value, name))]
        return filled[0] if filled else []
    return value


def everything(outputs: Sequence[Value]) -> Iterable[Operation]:
    """Return all operations that outputs depend on, each after its inputs."""
    left, done = [(value.operation, False) for value in reversed(outputs)], set[Operation]()
    while left:
        operation, ready = left.pop()
        if operation in done:
            continue
        if ready:
            done.add(operation)
            yield operation
            continue
        left.append((operation, True))
        left.extend((value.operation, False) for value in reversed(operation.inputs))
