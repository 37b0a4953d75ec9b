"""Methods that are one backward pass under another rule: gradients, guided backpropagation, DeconvNet; and DeepLIFT."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from deeplift_tf.methods.call import Options, cached
from deeplift_tf.scoring.score import Score
from deeplift_tf.scoring.scores import Scores

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network


def under_rule(
    network: Network, rule: str | None, x: Any, references: Any, target: Any, options: Options, multiply_by_inputs: bool
) -> Scores:
    """Return the scores of a network under a rule, None for its own; the compiled function is kept with the network.

    Without `multiply_by_inputs` the contributions are the multipliers.
    """
    others = dict(options)
    layers: Any = others.pop("layers", None)
    key = layers if layers is None or isinstance(layers, str) else tuple(layers)
    score = cached(network.graph, ("rule", rule, key), lambda: Score(under(network, rule), layers))
    scores = score(x, references, target, **others)
    return scores if multiply_by_inputs else scores.replace(contributions=scores.multipliers, delta=None)


def under(network: Network, rule: str | None) -> Network:
    """Return the network under a rule, always a network of its own."""
    if rule is not None:
        return network.with_rule(rule)
    return type(network)(dataclasses.replace(network.graph), network.dtype)


def gradient(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    multiply_by_inputs: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """Gradient of the target with respect to x, with its sign: the saliency of Simonyan et al. 2013.

    Parameters
    ----------
    network : Network
    x, target
        As for `Score.__call__`.
    references
        Not read, but for `multiply_by_inputs`, which multiplies by the difference from them; None: by x.
    multiply_by_inputs : bool
        False returns the gradients as contributions.
    **options
        See `Options`.
    """
    return under_rule(network, "gradient", x, or_zero(references), target, options, multiply_by_inputs)


def gradient_times_input(
    network: Network, x: Any, references: Any = None, target: Any = 0, **options: Unpack[Options]
) -> Scores:
    """Gradient × x; with references gradient × Δx. For ReLU networks without biases it equals LRP-0.

    Parameters are those of `gradient`.
    """
    return under_rule(network, "gradient", x, or_zero(references), target, options, True)


def guided_backprop(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    multiply_by_inputs: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """Guided backpropagation: rectifiers pass what is positive, and where they are active (Springenberg et al. 2015).

    Parameters are those of `gradient`.
    """
    return under_rule(network, "guided_backprop", x, or_zero(references), target, options, multiply_by_inputs)


def deconvnet(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    multiply_by_inputs: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """DeconvNet: rectifiers pass what is positive, active or not (Zeiler and Fergus 2014).

    Parameters are those of `gradient`.
    """
    return under_rule(network, "deconvnet", x, or_zero(references), target, options, multiply_by_inputs)


def or_zero(references: Any) -> Any:
    """Return zeros where no references are given, without the remark that DeepLIFT makes about it."""
    return 0.0 if references is None else references


def deeplift(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    rule: str | None = None,
    multiply_by_inputs: bool = True,
    **options: Unpack[Options],
) -> Scores:
    """DeepLIFT by the network's own rules: `network.compile(layers)(x, ...)`, kept compiled.

    Parameters are those of `gradient`, with references as for `Score.__call__`, and

    Parameters
    ----------
    rule : str, optional
        Another rule in place of the network's own.
    multiply_by_inputs : bool
        False returns the multipliers as contributions.
    """
    return under_rule(network, rule, x, references, target, options, multiply_by_inputs)
