"""Deep SHAP: DeepLIFT averaged over a background set, with the argument names of SHAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplift_tf.errors import DeepLiftError, InputError, ReferencesError
from deeplift_tf.graph.graph import Input
from deeplift_tf.methods.call import Options
from deeplift_tf.methods.gradients import under_rule
from deeplift_tf.scoring.inputs import arrange
from deeplift_tf.scoring.scores import Scores

ADDITIVITY = 0.01  # of the largest output, or of 1 where that is less

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network


def deep_shap(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    data: Any = None,
    ranked_outputs: int | None = None,
    output_rank_order: str = "max",
    check_additivity: bool = True,
    multiply_by_inputs: bool = True,
    **options: Unpack[Options],
) -> Scores:
    """Deep SHAP: contributions by DeepLIFT, averaged over a background set (Lundberg and Lee, NeurIPS 2017).

    Parameters are those of `deeplift`, with references in place of `data`, and

    Parameters
    ----------
    references : array, or list or dict of arrays, shape (R, ...)
        The background: rows that every row of x is compared to, also where they are as many. Shape (N, R, ...) gives
        each row of x its own.
    data : array, or list or dict of arrays, shape (R, ...)
        The same, by SHAP's name.
    ranked_outputs : int, optional
        Scores as many outputs for each row, the first of them in `output_rank_order`, in place of a target.
    output_rank_order : {"max", "min", "max_abs"}
        Largest, smallest, or largest magnitude first.
    check_additivity : bool
        Whether sums that miss the difference of the outputs by more than `ADDITIVITY` are an error.

    Raises
    ------
    DeepLiftError
        If the check fails.
    """
    if data is not None:
        if references is not None:
            raise ReferencesError("deep_shap: expected references or data; received both")
        parts, _ = arrange(data, network.graph.inputs, "data")
        references = list(parts) if len(parts) > 1 else parts[0]
    references = as_background(references, network.graph.inputs)
    if ranked_outputs is not None:
        options = {**options, "targets": ranks(network, x, ranked_outputs, output_rank_order, options)}
    scores = under_rule(network, None, x, references, target, options, multiply_by_inputs)
    if check_additivity and scores.delta is not None:
        require_additivity(scores)
    return scores


def as_background(references: Any, inputs: Sequence[Input]) -> Any:
    """Return references with rows, shape (R, ...), as a background for all examples, shape (1, R, ...).

    However many examples there are: Deep SHAP compares each to the whole background. Other forms stay what they are.
    """
    if references is None or callable(references) or (np.isscalar(references) and len(inputs) > 1):
        return references
    parts, structure = arrange(references, inputs, "references")
    found = [_with_rows_as_background(part, value) for part, value in zip(parts, inputs, strict=True)]
    if structure is dict:
        return dict(zip((value.name for value in inputs), found, strict=True))
    return found if structure is list else found[0]


def _with_rows_as_background(part: Any, value: Input) -> Any:
    if part is None or callable(part) or np.ndim(part) != value.shape.rank:
        return part
    return np.asarray(part)[None]


def ranks(network: Network, x: Any, count: int, order: str, options: Options) -> list[np.ndarray]:
    """Return the positions of the outputs that come first, each shape (N,).

    Raises
    ------
    InputError
        If the order is unknown, or there are not as many outputs.
    """
    outputs, name = network.predict(x, options.get("batch_size", 32)), options.get("output")
    if name is not None and name not in network.output_names:
        raise InputError(f"deep_shap: ranked are outputs of the model, {network.output_names}; received {name!r}")
    values = outputs[name or network.output_names[0]] if isinstance(outputs, dict) else outputs
    keys = {"max": -values, "min": values, "max_abs": -np.abs(values)}
    if order not in keys or values.ndim != 2 or not 1 <= count <= values.shape[1]:
        raise InputError(
            f"deep_shap: expected ranked_outputs from 1 to the number of outputs, shape {values.shape}, in the order "
            f"{', '.join(keys)}; received {count} and {order!r}"
        )
    return list(np.argsort(keys[order], 1, kind="stable")[:, :count].T)


def require_additivity(scores: Scores) -> None:
    """Compare the sums of contributions with the differences of the outputs.

    Raises
    ------
    DeepLiftError
    """
    assert scores.delta is not None
    largest = float(np.abs(scores.delta).max())
    if not largest <= ADDITIVITY * max(1.0, float(np.abs(scores.outputs).max())):  # NaN is no sum either
        raise DeepLiftError(
            f"deep_shap: expected contributions that sum to the difference of the outputs; they miss it by up to "
            f"{largest:.2g}. network.summary() names the approximate layers; check_additivity=False returns the scores"
        )


class Explanation(NamedTuple):
    """Arguments of `shap.Explanation`, by its names: ``shap.Explanation(**explanation(scores, x)._asdict())``.

    Attributes
    ----------
    values : np.ndarray, shape (N, ...), or (N, ..., K) for several targets
        The contributions; of tokens (N, length, width).
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
        If the scores have no reference outputs.
    """
    if scores.reference_outputs is None:
        raise ReferencesError("explanation: expected scores against references; these come from a method without any")
    values, base, data = np.asarray(scores.contributions), scores.reference_outputs, np.asarray(x)
    if scores.outputs.ndim > 1:  # several targets
        values, base = np.moveaxis(values, 0, -1), base.T
    return Explanation(values, base, data, feature_names, output_names)
