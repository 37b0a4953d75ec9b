"""Compiled functions, functions of scoring functions, and what scripts do to weights and sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deeplift_tf.compat.deeplift.variables import Session
from deeplift_tf.compat.deeplift.variables import compile_func as compile_func
from deeplift_tf.errors import DeepLiftError, ReferencesError

NEAR_ZERO_THRESHOLD = 1e-7
SEQUENCES = 64  # whose references are held in memory together


def get_session() -> Session:
    """Return what runs variables of layers: ``get_session().run(outputs, feed_dict={...})``."""
    return Session()


def run_function_in_batches(
    func: Callable[[list[Any]], Any],
    input_data_list: Sequence[Any],
    learning_phase: Any = None,
    batch_size: int = 10,
    progress_update: int | None = 1000,
    multimodal_output: bool = False,
) -> list[Any]:
    """Return what a function makes of rows, batch by batch, in one list.

    Parameters
    ----------
    func : callable
        Of a list with one array for each input.
    input_data_list : sequence of array, shape (N, ...)
    learning_phase : object, optional
        Put behind the arrays.
    batch_size : int
    progress_update : int, optional
        After how many rows to print how many are done.
    multimodal_output : bool
        Whether the function returns a list of arrays; then a list of lists is returned.
    """
    further = [] if learning_phase is None else [learning_phase]
    results: list[Any] = []
    for start in range(0, len(input_data_list[0]), batch_size):
        if progress_update is not None and start % progress_update == 0:
            print("Done", start)
        values = func([array[start : start + batch_size] for array in input_data_list] + further)
        if not multimodal_output:
            results.extend(values)
            continue
        results = results or [[] for _ in values]
        for result, value in zip(results, values, strict=True):
            result.extend(value)
    return results


def mean_normalise_weights_for_sequence_convolution(
    weights: np.ndarray, bias: np.ndarray, axis_of_normalisation: int, dim_ordering: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of a convolution over one-hot letters with mean zero over the letters, and the bias for them.

    For one-hot input the outputs stay the same: what is taken from the weights of each position is added to the bias.

    Parameters
    ----------
    weights : np.ndarray
        A kernel.
    bias : np.ndarray, shape (filters,)
    axis_of_normalisation : int
        Of the letters.
    dim_ordering : {"th", "tf"}
        Whether the filters are the first axis of the kernel or the last.
    """
    if dim_ordering not in ("th", "tf"):
        raise DeepLiftError(f"dim_ordering: expected 'th' or 'tf'; received {dim_ordering!r}")
    means = weights.mean(axis_of_normalisation, keepdims=True)
    filters = 0 if dim_ordering == "th" else weights.ndim - 1
    return weights - means, bias + means.sum(tuple(axis for axis in range(weights.ndim) if axis != filters))


def randomly_shuffle_seq(seq: str, rng: Any = None) -> str:
    """Return a string with its letters in random order."""
    random = np.random.RandomState() if rng is None else rng
    return "".join(seq[index] for index in random.permutation(len(seq)))


def in_place_shuffle(arr: Any) -> Any:
    """Put the entries of a list or array into random order, and return it."""
    np.random.RandomState().shuffle(arr)
    return arr


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
        references = np.asarray(0.0 if input_references_list is None else only(input_references_list))
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
        pregen_refs: Sequence[Any] | None = None,
    ) -> Any:
        """Return the means, shape (N, ...); a list of them for a list of targets.

        The references are shuffles of each sequence, or `pregen_refs`: those of the first sequence first.
        """
        tasks = list(task_idx) if isinstance(task_idx, (list, tuple, range, np.ndarray)) else [task_idx]
        if pregen_refs is not None and len(pregen_refs) != len(input_data_sequences) * num_refs_per_seq:
            raise ReferencesError(
                f"pregen_refs: expected {num_refs_per_seq} for each of {len(input_data_sequences)} sequences; "
                f"received {len(pregen_refs)}"
            )
        rng = np.random.RandomState(seed)
        encode = np.asarray if one_hot_func is None else one_hot_func
        means: list[list[np.ndarray]] = [[] for _ in tasks]
        for start in range(0, len(input_data_sequences), SEQUENCES):
            some = [seq for seq in input_data_sequences[start : start + SEQUENCES] for _ in range(num_refs_per_seq)]
            first = start * num_refs_per_seq
            references = (
                [shuffle_func(seq, rng=rng) for seq in some]
                if pregen_refs is None
                else list(pregen_refs[first : first + len(some)])
            )
            for task, parts in zip(tasks, means, strict=True):
                scores = np.array(
                    score_computation_function(
                        task_idx=task,
                        input_data_list=[np.asarray(encode(some))],
                        input_references_list=[np.asarray(encode(references))],
                        batch_size=batch_size,
                        progress_update=progress_update,
                    )
                )
                parts.append(scores.reshape(-1, num_refs_per_seq, *scores.shape[1:]).mean(1))
        whole = [np.concatenate(parts) for parts in means]
        return whole if isinstance(task_idx, (list, tuple, range, np.ndarray)) else whole[0]

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
        x = np.asarray(only(input_data_list))
        reference = np.broadcast_to(
            np.asarray(0.0 if input_references_list is None else only(input_references_list)), x.shape
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


def only(arrays: Any) -> Any:
    """Return the one array of a list, or of a dict by input name."""
    values = list(arrays.values()) if isinstance(arrays, Mapping) else list(arrays)
    if len(values) != 1:
        raise DeepLiftError(f"expected a list of one array, of a model with one input; received {len(values)}")
    return values[0]
