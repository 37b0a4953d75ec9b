"""Products of more than two values, which TensorFlow multiplies two at a time.

Keras's Multiply of three inputs is one layer, and its factors share the difference by one joint line, in whatever
order they come. Two at a time the last one would weigh as much as the others together. So a chain of products that one
layer writes is one product; products of several layers stay apart, as they do in the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from deeplift_tf.conversion.tf_graph.layouts import row_axis
from deeplift_tf.conversion.tf_graph.operation import Depends, Operation, Value

OF_ONE_MODEL = re.compile(r"^op\d+(_\d+)?(/|$)")
"""Scopes that `keras_graph.joint` gives the operations of a live model; the model's export has them in one scope."""


class Factors(NamedTuple):
    """A product of three values or more.

    Attributes
    ----------
    values : tuple of Value
        The factors, in their order.
    inner : tuple of Operation
        The products that it is written with, but for the last, each after those in it.
    """

    values: tuple[Value, ...]
    inner: tuple[Operation, ...]


def factors_of(operation: Operation, reads: Mapping[Value, int], region: Callable[[Operation], Any]) -> Factors | None:
    """Return the factors of a chain of products; None where it is a product of two, or of anything but plain floats.

    Parameters
    ----------
    operation : Operation
    reads : mapping of Value to int
        How often each value is read.
    region : callable
        operation -> the layers of the region that ends in it; None if it is an operation of its own.
    """
    if operation.type != "Mul" or not all(map(is_plain_factor, operation.inputs)):
        return None
    values: list[Value] = []
    inner: list[Operation] = []
    for value in operation.inputs:
        before = value.operation
        found = region(before) if continues(value, operation, reads) else Ellipsis
        if isinstance(found, Factors):
            values.extend(found.values)
            inner.extend((*found.inner, before))
        elif found is None:
            values.extend(before.inputs)
            inner.append(before)
        else:
            values.append(value)
    return Factors(tuple(values), tuple(inner)) if inner and len({len(v.spec.shape) for v in values}) == 1 else None


def continues(value: Value, operation: Operation, reads: Mapping[Value, int]) -> bool:
    """Whether a factor is a product that nothing else reads, of the same layer."""
    before = value.operation
    return (
        before.type == "Mul"
        and reads[value] == 1
        and scope_of(before) == scope_of(operation)
        and before.inputs[0] != before.inputs[1]
        and all(map(is_plain_factor, before.inputs))
    )


def is_plain_factor(value: Value) -> bool:
    """Whether a value is made of floats that vary, with the axis of rows in front."""
    shape = value.spec.shape
    return value.is_float and value.depends == Depends.INPUTS and shape.rank is not None and row_axis(shape) == 0


def scope_of(operation: Operation) -> str:
    """Return the scope of an operation: that of the layer that it comes from."""
    return OF_ONE_MODEL.sub("", operation.name.rpartition("/")[0])
