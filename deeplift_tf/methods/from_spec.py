"""Methods by name, with arguments: "integrated-gradients:steps=100", "grad-cam:conv2d"."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deeplift_tf.argspec import arguments_in, meant, name_in, spellable, usage
from deeplift_tf.errors import MethodError
from deeplift_tf.methods.table import METHODS
from deeplift_tf.scoring.scores import Scores

if TYPE_CHECKING:
    from deeplift_tf.network import Network


def scoring_function(
    network: Network, given: str, layers: Sequence[str] = (), jit_compile: bool = False
) -> Callable[..., Scores]:
    """Return a function that takes the arguments of `Score.__call__`.

    Parameters
    ----------
    network : Network
    given : str
        A name of `deeplift_tf.methods.METHODS`, with - or _ between words, alone or followed by a colon and its
        arguments, see `spelled`. "deeplift" is the network's own scoring function.
    layers : sequence of str
        Hidden layers that are scored in place of the inputs.
    jit_compile : bool
        See `Network.compile`; for "deeplift".

    Raises
    ------
    MethodError
        If there is no such method, or its arguments do not fit.
    """
    if given == "deeplift":
        return network.compile(layers=list(layers) or None, jit_compile=jit_compile)
    if jit_compile:
        raise MethodError(f"jit_compile: only for the method deeplift; received {given!r}")
    method = METHODS.get(name_in(given))
    if method is None:
        known = ", ".join(usage(name, parameters_of(each)) for name, each in METHODS.items())
        raise MethodError(f"method: expected one of {known}; received {given!r}{meant(given, METHODS)}")
    arguments = arguments_in(given, parameters_of(method), "method", MethodError)
    chosen = {"layers": list(layers)} if layers else {}
    return lambda *positional, **keywords: method(network, *positional, **chosen, **arguments, **keywords)


def parameters_of(method: Callable[..., Scores]) -> dict[str, inspect.Parameter]:
    """Return the parameters that a method has of its own, without those that its name stands for."""
    parameters, bound = inspect.signature(method).parameters.values(), getattr(method, "keywords", {})
    return spellable(each for each in parameters if each.kind is each.KEYWORD_ONLY and each.name not in bound)
