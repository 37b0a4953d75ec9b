"""Deep SHAP: DeepLIFT averaged over a background set, with the argument names of SHAP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplift_tf.arrays import arrange
from deeplift_tf.errors import ReferencesError
from deeplift_tf.methods.call import Options
from deeplift_tf.methods.gradients import under_rule
from deeplift_tf.scoring import Scores

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network


def deep_shap(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    background: Any = None,
    **options: Unpack[Options],
) -> Scores:
    """Deep SHAP: contributions by DeepLIFT, averaged over a background set (Lundberg and Lee, NeurIPS 2017).

    Parameters
    ----------
    network : Network
    x, target
        As for `Score.__call__`.
    references
        As for `Score.__call__`, in place of a background.
    background : array, or list or dict of arrays, shape (R, ...)
        The rows that every row of x is compared to.
    **options
        See `Options`.
    """
    if background is not None:
        if references is not None:
            raise ReferencesError("deep_shap: expected references or a background; received both")
        parts, _ = arrange(background, network.graph.inputs, "background")
        references = [np.asarray(part)[None] for part in parts]
        references = references if len(references) > 1 else references[0]
    return under_rule(network, None, x, references, target, options, True)


class Explanation(NamedTuple):
    """Arguments of `shap.Explanation`, by its names: ``shap.Explanation(**explanation(scores, x)._asdict())``.

    Attributes
    ----------
    values : np.ndarray, shape (N, ...), or (N, ..., K) for several targets
        The contributions.
    base_values : np.ndarray, shape (N,) or (N, K)
        Mean outputs of the background.
    data : np.ndarray, shape (N, ...)
        x.
    feature_names : list of str or None
    output_names : list of str or None
    """

    values: np.ndarray
    base_values: np.ndarray
    data: np.ndarray
    feature_names: list[str] | None = None
    output_names: list[str] | None = None


def explanation(
    scores: Scores, x: Any, feature_names: list[str] | None = None, output_names: list[str] | None = None
) -> Explanation:
    """Return scores as SHAP's plots take them; one input.

    Parameters
    ----------
    scores : Scores
        Of one target, or of several, which SHAP has on the last axis.
    x : np.ndarray, shape (N, ...)
        What was scored.
    feature_names, output_names : list of str, optional

    Raises
    ------
    ReferencesError
        When the scores have no reference outputs.
    """
    if scores.reference_outputs is None:
        raise ReferencesError("explanation: expected scores against references; these come from a method without any")
    values, base, data = np.asarray(scores.contributions), scores.reference_outputs, np.asarray(x)
    if values.ndim > data.ndim:
        values, base = np.moveaxis(values, 0, -1), base.T
    return Explanation(values, base, data, feature_names, output_names)
