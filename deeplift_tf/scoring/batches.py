"""Validated arguments of a score call, split into batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.arrays.rows import slices
from deeplift_tf.errors import InputError
from deeplift_tf.graph.graph import Edge, Input
from deeplift_tf.scoring.inputs import InputArrays
from deeplift_tf.scoring.progress import Progress
from deeplift_tf.scoring.references import References
from deeplift_tf.scoring.target_layer import TargetValue
from deeplift_tf.scoring.targets import Selector, chosen


class Batch(NamedTuple):
    """One batch of a score request.

    Attributes
    ----------
    rows, some, targets : slice
        Of the N rows, of the R references and of the K targets.
    x : tuple of np.ndarray, shape (n, ...)
        For each input.
    references : tuple of np.ndarray, shape (1 or n, 1 or r, ...)
        For each input.
    weights : np.ndarray, shape (k, 1 or n, ...)
    """

    rows: slice
    some: slice
    targets: slice
    x: tuple[np.ndarray, ...]
    references: tuple[np.ndarray, ...]
    weights: np.ndarray

    def filled(self, size: int) -> Batch:
        """Return the batch with its last row repeated, up to a power of two or to the rows of a whole batch.

        Each size of a batch costs a compilation, so this keeps their number small. The results of the added rows are
        dropped.

        Parameters
        ----------
        size : int
            Rows in a whole batch.
        """
        rows = len(self.x[0])
        further = max(rows, min(size, 1 << (rows - 1).bit_length())) - rows
        x, references = (
            tuple(repeat_last(a, rows, further, 0) for a in arrays) for arrays in (self.x, self.references)
        )
        return self._replace(x=x, references=references, weights=repeat_last(self.weights, rows, further, 1))

    def tensors(
        self, inputs: Sequence[Input], dtype: tf.DType, several_references: bool, several_targets: bool
    ) -> tuple[tuple[tf.Tensor, ...], tuple[tf.Tensor, ...], tf.Tensor]:
        """Return x, references and weights as a compiled function takes them.

        Parameters
        ----------
        inputs : sequence of Input
        dtype : tf.DType
            Of the weights.
        several_references, several_targets : bool
            Whether references and targets have their own axis.
        """
        given = self.references
        if several_references:
            width = max(array.shape[1] for array in given)
            given = tuple(np.broadcast_to(a, (len(a), width, *a.shape[2:])) for a in given)
        else:
            given = tuple(array[:, 0] for array in given)
        weights = self.weights if several_targets else self.weights[0]
        x = tuple(as_tensor(array, value.dtype) for array, value in zip(self.x, inputs, strict=True))
        references = tuple(as_tensor(array, value.dtype) for array, value in zip(given, inputs, strict=True))
        return x, references, as_tensor(weights, dtype)


class ScoreRequest(NamedTuple):
    """Rows, their references, and the targets as weights over one value of the network.

    Attributes
    ----------
    x : InputArrays
    references : References
    value : TargetValue
        The value that the weights are for.
    selectors : tuple of callable or None
        For each target a function from the outputs of x to its weights, part of the compiled function; None if the
        weights are known, or chosen outside of it.
    choosers : tuple of callable or None
        For each target the user's function of the outputs of x that chooses its weights, if there is one.
    weights : np.ndarray, shape (K, 1 or N, ...)
    several_targets : bool
        Whether the results have an axis of K targets.
    classes : np.ndarray, shape (K, N), or None
        The class of each row, as far as the targets name them; see `classes_of`.
    """

    x: InputArrays
    references: References
    value: TargetValue
    selectors: tuple[Selector | None, ...]
    choosers: tuple[Selector | None, ...]
    weights: np.ndarray
    several_targets: bool
    classes: np.ndarray | None = None

    def classes_with(self, predicted: np.ndarray | None) -> np.ndarray | None:
        """Return the class of each row, shape (K, N) or (N,), with those that were predicted in their places."""
        if self.classes is None:
            return None
        made = self.classes if predicted is None else np.maximum(self.classes, predicted.reshape(self.classes.shape))
        return made if self.several_targets else made[0]

    def selectors_of(self, targets: slice) -> tuple[Selector | None, ...]:
        """Return the selectors of some targets; none if their weights are known: one trace for any number of them."""
        found = self.selectors[targets]
        return found if any(found) else ()

    def shares_references(self, size: int) -> bool:
        """Whether all batches of a size have the same references, all of them in each."""
        return self.references.shared and self.references.count <= size

    @property
    def target(self) -> Edge:
        """The value that is explained."""
        return self.value.edge

    def largest_batch(self, size: int) -> int:
        """Return how many (example, reference) pairs a batch of a size holds at most."""
        return min(size, len(self.x) * self.references.count)

    def most_examples(self, size: int) -> int:
        """Return how many examples a batch of a size holds at most."""
        return min(max(1, size // self.references.count), len(self.x))

    def batches(
        self, size: int, together: int, progress: Progress, outputs: Callable[[Sequence[np.ndarray]], tf.Tensor]
    ) -> Iterator[Batch]:
        """Split the request into batches, all references of an example together if they fit.

        Parameters
        ----------
        size : int
            (Example, reference) pairs in a batch.
        together : int
            Targets in a batch; the same pairs come again with others.
        progress : callable
            Called with (pairs done, pairs in all) as batches are done; of pairs that come again, a part is done.
        outputs : callable
            Rows of x -> the value that is explained; called once for the rows of a batch if a user's function chooses
            weights.
        """
        at_least_one("batch_size", size, InputError)
        rows, count, done, told = len(self.x), self.references.count, 0, 0
        progress(0, rows * count)
        for part in slices(rows, max(1, size // count)):
            made = self.references.take(part.start, part.stop)
            x = tuple(array[part] for array in self.x.arrays)
            weights = self.weights if self.weights.shape[1] == 1 else self.weights[:, part]
            weights = self.chosen(weights, outputs(x)) if any(self.choosers) else weights
            for some in slices(count, max(1, size // len(x[0]))):
                given = tuple(array if array.shape[1] == 1 else array[:, some] for array in made)
                pairs = len(x[0]) * (some.stop - some.start)
                for targets in slices(len(weights), together):
                    yield Batch(part, some, targets, x, given, weights[targets])
                    now = done + pairs * targets.stop // len(weights)
                    if now > told:
                        progress(now, rows * count)
                        told = now
                done += pairs

    def chosen(self, weights: np.ndarray, values: tf.Tensor) -> np.ndarray:
        """Return the weights of some rows, shape (K, n, ...), with those that users' functions choose."""
        weights = np.broadcast_to(weights, (len(weights), *values.shape)).astype(values.dtype.as_numpy_dtype)
        outputs = self.value.as_output(values)
        for index, choose in enumerate(self.choosers):
            if choose is not None:
                found = tf.constant(chosen(choose, outputs))
                weights[index] = self.value.weights(found, values.shape[1:]).numpy()
        return weights


def repeat_last(array: np.ndarray, rows: int, times: int, axis: int) -> np.ndarray:
    """Return an array with its last row repeated; unchanged if one row serves all."""
    if not times or array.shape[axis] != rows:
        return array
    last = array.take([-1], axis)
    return np.concatenate([array, *[last] * times], axis)


def as_tensor(array: Any, dtype: tf.DType) -> tf.Tensor:
    """Return an array as a tensor; strings stay strings."""
    return tf.constant(array if dtype == tf.string else np.asarray(array, dtype.as_numpy_dtype))
