"""Methods that can be exported: those that are one TensorFlow function of x, references and weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.argspec import arguments_in, meant, name_in, spellable, usage
from deeplift_tf.errors import MethodError
from deeplift_tf.scoring.attribution import Plan
from deeplift_tf.scoring.path_gradients import Nodes, PathGradients, cut, places_of
from deeplift_tf.scoring.score import Score

TOGETHER = 8
"""Places of a path that the network sees together for each row: a server's memory grows with it, its time falls."""


class ServedMethod(NamedTuple):
    """What a method does with a network.

    Attributes
    ----------
    rule : str, optional
        Of all layers; None: the network's own rules.
    multiply_by_inputs : bool
        Whether contributions are multipliers times differences from the reference.
    places : (array, array), optional
        Of a path, and their weights: the multipliers are the mean gradient there.
    """

    rule: str | None = None
    multiply_by_inputs: bool = True
    places: Nodes | None = None

    def compiled(self, score: Score, plan: Plan) -> Callable[..., dict[str, Any]]:
        """Return the function (x, references, weights) -> results; see `compile_plan`."""
        if self.places is None:
            return score.compiled(plan)
        alphas, weights = cut(np.asarray(self.places[0])[:, None, None], self.places[1], TOGETHER)
        graph = score.compiled.simplified(plan)

        def run(x: Sequence[tf.Tensor], references: Sequence[tf.Tensor], start: tf.Tensor) -> dict[str, Any]:
            return PathGradients(graph, plan).run(x, references, start, alphas, weights)

        return run


def of_rule(rule: str | None, by_default: bool) -> Callable[..., ServedMethod]:
    """Return the maker of a method that is one backward pass under a rule."""

    def make(multiply_by_inputs: bool = by_default) -> ServedMethod:
        return ServedMethod(rule, multiply_by_inputs)

    return make


def integrated_gradients(
    steps: int = 50, quadrature: str = "gauss_legendre", multiply_by_inputs: bool = True
) -> ServedMethod:
    """Return integrated gradients; the parameters are those of `dl.methods.integrated_gradients`."""
    return ServedMethod(None, multiply_by_inputs, places_of(steps, quadrature))


def gradient_times_input() -> ServedMethod:
    """Return gradient × difference."""
    return ServedMethod("gradient")


SERVED: dict[str, Callable[..., ServedMethod]] = {
    "deeplift": of_rule(None, True),
    "rescale": of_rule("rescale", True),
    "reveal_cancel": of_rule("reveal_cancel", True),
    "gradient": of_rule("gradient", False),
    "gradient_times_input": gradient_times_input,
    "guided_backprop": of_rule("guided_backprop", False),
    "deconvnet": of_rule("deconvnet", False),
    "integrated_gradients": integrated_gradients,
}


def served_method(given: str) -> ServedMethod:
    """Return a method by its name, alone or with arguments as on the command line: "integrated-gradients:steps=100".

    Raises
    ------
    MethodError
        If it is none of `SERVED`, or an argument does not fit.
    """
    make = SERVED.get(name_in(given))
    if make is None:
        known = ", ".join(usage(name, spellable(parameters(each))) for name, each in SERVED.items())
        raise MethodError(
            f"method: expected one that is a TensorFlow function, to be exported: {known}; received {given!r}"
            f"{meant(given, SERVED)}"
        )
    return make(**arguments_in(given, spellable(parameters(make)), "method", MethodError))


def parameters(make: Callable[..., ServedMethod]) -> list[inspect.Parameter]:
    """Return the parameters of a method."""
    return [*inspect.signature(make).parameters.values()]
