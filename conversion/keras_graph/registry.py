"""The registry of converters: Keras class -> function that adds DeepLIFT layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deeplift_tf.conversion.keras_graph.context import ConversionContext
from deeplift_tf.graph.graph import Edge

Converter = Callable[[Any, ConversionContext], Edge | tuple[Edge, ...]]

REGISTRY: dict[str, Converter] = {}
"""Converters of Keras's own classes, by the class name that a saved file holds; `ops.Add` for keras.ops.add."""

USERS: dict[str, Converter] = {}
"""Converters that users have registered, by class name."""


def converts(*class_names: str) -> Callable[[Converter], Converter]:
    """Register a converter of Keras's own classes.

    Parameters
    ----------
    *class_names : str

    Raises
    ------
    ValueError
        If a class has a converter already.
    """
    return lambda converter: _enter(REGISTRY, class_names, converter)


def register(*class_names: str) -> Callable[[Converter], Converter]:
    """Register a converter of your own layer class; it goes before those of the package.

    The converter takes the Keras layer and a `ConversionContext`, adds DeepLIFT layers to it, and returns the last::

        @dl.register("Swirl")
        def swirl(layer, context):
            hidden = context.add(dl.layers.Dense(context.weight(layer.kernel)), *context.inputs)
            return context.activation(layer.activation, hidden)

    Parameters
    ----------
    *class_names : str

    Raises
    ------
    ValueError
        If a class has been registered already.
    """
    return lambda converter: _enter(USERS, class_names, converter)


def converter_of(operation: Any, given: Mapping[str, Converter]) -> Converter | None:
    """Return the converter of a Keras layer or operation: the caller's, a registered one, the package's, or None.

    The package's own hold for Keras's classes only: another class of the same name may compute something else.
    """
    name = class_name(operation)
    for table in (given, USERS):
        if name in table:
            return table[name]
    return REGISTRY.get(name) if is_builtin(operation) else None


def class_name(operation: Any) -> str:
    """Return the name under which the class of an operation is registered."""
    name = type(operation).__name__
    return f"ops.{name}" if type(operation).__module__.startswith("keras.src.ops.") else name


def is_builtin(operation: Any) -> bool:
    """Whether a layer or operation is Keras's own."""
    return type(operation).__module__.split(".")[0] == "keras"


def _enter(table: dict[str, Converter], class_names: tuple[str, ...], converter: Converter) -> Converter:
    for name in class_names:
        if name in table:
            raise ValueError(f"a converter of {name!r} is registered already: {table[name].__module__}")
        table[name] = converter
    return converter
