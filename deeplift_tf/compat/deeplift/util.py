"""Functions of scoring functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

SEQUENCES = 64  # whose references are held in memory together


def get_hypothetical_contribs_func_onehot(multipliers_func: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Return a function that finds hypothetical contributions from multipliers: m[p, i] − Σ_c x⁰[p, c]·m[p, c].

    Parameters
    ----------
    multipliers_func : callable
        Of one input of shape (N, length, letters).
    """

    def hypothetical(
        task_idx: Any,
        input_data_list: Any,
        batch_size: int,
        progress_update: int | None = None,
        input_references_list: Any = None,
    ) -> np.ndarray:
        """Return hypothetical contributions, shape (N, length, letters)."""
        multipliers = np.array(
            multipliers_func(
                task_idx=task_idx,
                input_data_list=input_data_list,
                batch_size=batch_size,
                progress_update=progress_update,
                input_references_list=input_references_list,
            )
        )
        references = np.asarray(0.0 if input_references_list is None else input_references_list[0])
        return multipliers - (references * multipliers).sum(-1, keepdims=True)

    return hypothetical


def get_shuffle_seq_ref_function(
    score_computation_function: Callable[..., Any],
    shuffle_func: Callable[..., Any],
    one_hot_func: Callable[[Sequence[Any]], np.ndarray] | None = None,
) -> Callable[..., np.ndarray]:
    """Return a function that means scores over shuffles of each sequence.

    Parameters
    ----------
    score_computation_function : callable
        As ``get_target_contribs_func`` and ``get_hypothetical_contribs_func_onehot`` return.
    shuffle_func : callable
        (sequence, rng=) -> a shuffle of it.
    one_hot_func : callable, optional
        What makes arrays of sequences; None where they are arrays already.
    """

    def over_shuffles(
        task_idx: Any,
        input_data_sequences: Sequence[Any],
        num_refs_per_seq: int,
        batch_size: int,
        seed: int = 1,
        progress_update: int | None = None,
    ) -> np.ndarray:
        """Return the means, shape (N, ...)."""
        rng = np.random.RandomState(seed)
        encode = np.asarray if one_hot_func is None else one_hot_func
        means = []
        for start in range(0, len(input_data_sequences), SEQUENCES):
            some = [seq for seq in input_data_sequences[start : start + SEQUENCES] for _ in range(num_refs_per_seq)]
            shuffled = [shuffle_func(seq, rng=rng) for seq in some]
            scores = np.array(
                score_computation_function(
                    task_idx=task_idx,
                    input_data_list=[np.asarray(encode(some))],
                    input_references_list=[np.asarray(encode(shuffled))],
                    batch_size=batch_size,
                    progress_update=progress_update,
                )
            )
            means.append(scores.reshape(-1, num_refs_per_seq, *scores.shape[1:]).mean(1))
        return np.concatenate(means)

    return over_shuffles


def get_integrated_gradients_function(
    gradient_computation_function: Callable[..., Any], num_intervals: int
) -> Callable[..., np.ndarray]:
    """Return a function that finds integrated gradients, from gradients at the middles of intervals.

    Parameters
    ----------
    gradient_computation_function : callable
        ``get_target_multipliers_func`` of a model in mode Gradient, of one input.
    num_intervals : int
    """

    def integrated(
        task_idx: Any,
        input_data_list: Any,
        batch_size: int,
        progress_update: int | None = None,
        input_references_list: Any = None,
    ) -> np.ndarray:
        """Return integrated gradients, shape of the input."""
        x = np.asarray(input_data_list[0])
        reference = np.broadcast_to(
            np.asarray(0.0 if input_references_list is None else input_references_list[0]), x.shape
        )
        total = np.zeros(x.shape)
        for interval in range(num_intervals):
            between = reference + (x - reference) * (interval + 0.5) / num_intervals
            total += np.array(
                gradient_computation_function(
                    task_idx=task_idx,
                    input_data_list=[between],
                    batch_size=batch_size,
                    progress_update=progress_update,
                    input_references_list=[reference],
                )
            )
        return (x - reference) * total / num_intervals

    return integrated
