"""The uniform-output reference: an input, changed little, until all classes are nearly equally likely."""

from __future__ import annotations

import dataclasses
import functools
import logging
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.errors import DeepLiftWarning, ReferencesError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph, Input
from deeplift_tf.graph.passes import differentiable
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.scoring.progress import Progress, as_progress
from deeplift_tf.scoring.reference_sampler import generator
from deeplift_tf.scoring.target_layer import log_probabilities, resolve_target, value_before_activation

if TYPE_CHECKING:
    from deeplift_tf.network import Network

logger = logging.getLogger("deeplift_tf")

NOISE = 0.1  # standard deviation of what is added to the start, in first steps
GROWTHS = 3  # times that noise which lets no gradient through is made ten times larger
ALIKE = 1e-3  # deviation of a probability from the one wanted below which there is no reason to move
DECAY = (0.9, 0.999)  # Adam's, of the means of gradients and of their squares

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (log p, shape (N, units, C), wanted, shape (C,)) -> shape (N,)


def max_deviation(log_p: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Return max |p − wanted|."""
    return tf.reduce_max(tf.abs(tf.exp(log_p) - wanted), [1, 2])


def mean_squared_error(log_p: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Return the mean of (p − wanted)²."""
    return tf.reduce_mean((tf.exp(log_p) - wanted) ** 2, [1, 2])


def cross_entropy(log_p: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Return −Σ wanted·log p."""
    return -tf.reduce_mean(tf.reduce_sum(wanted * log_p, 2), 1)


LOSSES: dict[str, Loss] = {loss.__name__: loss for loss in (max_deviation, mean_squared_error, cross_entropy)}


@dataclasses.dataclass(frozen=True, eq=False)
class UniformOutput:
    """A reference with the statistics of its search; it can be passed as references, like an array.

    Attributes
    ----------
    reference : np.ndarray, shape of the start
    deviation : np.ndarray, shape (N,)
        Largest deviation of a probability from the one wanted.
    deviation_at_start : np.ndarray, shape (N,)
    change : np.ndarray, shape (N,)
        Mean squared change of the start.
    """

    reference: np.ndarray
    deviation: np.ndarray
    deviation_at_start: np.ndarray
    change: np.ndarray

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the reference."""
        array = np.asarray(self.reference, dtype)
        return array.copy() if copy else array  # numpy 1 knows no copy=None

    def __repr__(self) -> str:
        return (
            f"UniformOutput(reference of shape {self.reference.shape}, largest deviation of a probability "
            f"{self.deviation.max():.2g}, at the start {self.deviation_at_start.max():.2g})"
        )


def uniform_output(
    network: Network,
    start: np.ndarray | float = 0.0,
    *,
    loss: str = "max_deviation",
    distribution: np.ndarray | Sequence[float] | None = None,
    share: float = 0.9,
    steps: int = 1000,
    learning_rate: float = 0.05,
    output: str | None = None,
    progress: bool | Progress = False,
    seed: int = 0,
) -> UniformOutput:
    """Change an input until the classes are equally likely: the perturbed baseline of Lerma and Lucas.

    Minimised by Adam is share·L_out + (1 − share)·mean((x − start)²), for each row on its own, and the best x of all
    steps is kept. If a class is certain, all gradients of a softmax vanish except that of the cross-entropy: the first
    half of the steps follows it, whatever L_out is. In both halves the step shrinks to zero in half a cosine.

    The search begins at the start plus a little noise. At zeros, for example, the units of a ReLU network without
    biases are on their kinks, and pass no gradient. If no gradient passes with the noise, it grows tenfold, up to three
    times. A warning names rows that have not moved.

    Parameters
    ----------
    network : Network
        Of one input; its output ends in a softmax, or in a sigmoid, whose units are two classes each, or else a softmax
        is taken of it.
    start : np.ndarray, shape of one row of x, or of N of them, or float
        A blurred image, or any other reference; a number fills one row.
    loss : {"max_deviation", "mean_squared_error", "cross_entropy"}
        L_out, between the probabilities and the distribution that is wanted.
    distribution : np.ndarray or sequence of float, shape (C,), optional
        Probability of each class; the default is uniform.
    share : float
        λ, from 0 to 1.
    steps : int
    learning_rate : float
        The first step's size, in units of x.
    output : str, optional
        The head, if there are several.
    progress : bool or callable
        As for `Score.__call__`.
    seed : int
        Of the noise, which depends on nothing else but the row.

    Returns
    -------
    UniformOutput

    Raises
    ------
    ReferencesError
        If an argument does not fit.
    """
    (value, *others) = network.graph.inputs
    if others or not value.dtype.is_floating:
        raise ReferencesError(f"uniform_output: expected a network of one float input; it has {network.input_names}")
    if loss not in LOSSES or not 0 <= share <= 1:
        raise ReferencesError(
            f"uniform_output: expected a loss among {', '.join(LOSSES)} and a share from 0 to 1; received {loss!r} "
            f"and {share}"
        )
    rows = np.asarray(start)
    if not rows.ndim:
        rows = filled(float(rows), value)
    single = rows.ndim == value.shape.rank - 1
    (x,) = as_input_arrays(rows[None] if single else rows, network.graph.inputs).arrays
    edge = resolve_target(network.graph, output, False).edge
    at = tf.constant(np.asarray(x, value.dtype.as_numpy_dtype))
    before = classes(network.graph, edge, at)
    wanted = wanted_of(distribution, int(before.shape[-1]), value.dtype)
    search = Search(differentiable(network.graph), edge, LOSSES[loss], wanted, share, at)
    at_least_one("steps of uniform_output", steps, ReferencesError)
    begun = search.begun(np.asarray(x), NOISE * learning_rate, seed)
    found = search.run(begun, steps, learning_rate, as_progress(progress, "searching"))
    after = classes(network.graph, edge, found)
    deviations = [max_deviation(log_p, wanted).numpy() for log_p in (before, after)]
    change = np.square((found - at).numpy()).reshape(len(x), -1).mean(1)
    still = (change == 0) & (deviations[0] > ALIKE)
    if still.any() and share:
        warnings.warn(
            f"uniform_output: {still.sum()} of {len(x)} rows did not move from their start, up to "
            f"{deviations[0][still].max():.2g} away from the distribution: the first is row {int(still.argmax())}. No "
            "gradient reaches them, or no step was better; give another start, or more steps",
            DeepLiftWarning,
            stacklevel=2,
        )
    logger.info(
        "uniform_output: largest deviation of a probability %.2g, from %.2g; mean squared change %.2g",
        deviations[1].max(),
        deviations[0].max(),
        change.max(),
    )
    return UniformOutput(found.numpy()[0] if single else found.numpy(), deviations[1], deviations[0], change)


def filled(number: float, value: Input) -> np.ndarray:
    """Return a row of one number everywhere.

    Raises
    ------
    ReferencesError
        If the network takes rows of any size.
    """
    shape = tuple(value.shape[1:])
    if None in shape:
        raise ReferencesError(
            f"uniform_output: expected a start of known shape, for an input {shape}; received {number}"
        )
    return np.full(shape, number)


def classes(graph: Graph, edge: Edge, x: tf.Tensor) -> tf.Tensor:
    """Return the logarithms of the probabilities at x, shape (N, units, C): units are more than one of a sigmoid alone.

    Raises
    ------
    ReferencesError
        If the output is not a distribution over classes.
    """
    before = value_before_activation(graph, edge)
    values = propagation.forward(graph.ancestors([before.edge]), {graph.inputs[0].edge: x})[before.edge]
    if graph.shape(edge).rank != 2 or (before.edge == edge and values.shape[1] == 1):
        raise ReferencesError(
            "uniform_output: expected an output of probabilities, or of logits of several classes; its shape is "
            f"{graph.shape(edge)}"
        )
    log_p = log_probabilities(graph, edge, values)
    return tf.reshape(log_p, [tf.shape(log_p)[0], -1, log_p.shape[-1]])


def wanted_of(distribution: np.ndarray | Sequence[float] | None, count: int, dtype: tf.DType) -> tf.Tensor:
    """Return the distribution that is wanted.

    Raises
    ------
    ReferencesError
        If it has another number of classes, or does not sum to one.
    """
    wanted = np.full(count, 1 / count) if distribution is None else np.asarray(distribution, np.float64)
    if wanted.shape != (count,) or abs(wanted.sum() - 1) > 1e-6 or wanted.min() < 0:
        raise ReferencesError(
            f"uniform_output: expected a distribution of {count} probabilities that sum to one; received shape "
            f"{wanted.shape} and the sum {wanted.sum():.6g}"
        )
    return tf.constant(wanted, dtype)


class Search:
    """A descent from a start, for each row on its own.

    Parameters
    ----------
    graph : Graph
    edge : Edge
        The output.
    loss : callable
        L_out, one of `LOSSES`.
    wanted : tf.Tensor, shape (C,)
    share : float
    start : tf.Tensor, shape (N, ...)
    """

    def __init__(self, graph: Graph, edge: Edge, loss: Loss, wanted: tf.Tensor, share: float, start: tf.Tensor) -> None:
        self.graph, self.edge, self.loss = graph, edge, loss
        self.wanted, self.share, self.start = wanted, share, start

    def objective(self, loss: Loss, x: tf.Tensor, log_p: tf.Tensor) -> tf.Tensor:
        """Return λ·L_out + (1 − λ)·mean squared change, shape (N,)."""
        change = tf.reduce_mean((x - self.start) ** 2, list(range(1, x.shape.rank)))
        return self.share * loss(log_p, self.wanted) + (1 - self.share) * change

    def begun(self, start: np.ndarray, size: float, seed: int) -> tf.Tensor:
        """Return the start with as much noise as lets a gradient through, of a standard deviation from `size` up."""
        noise = np.stack([generator(seed, row.astype(np.float64)).normal(size=row.shape) for row in start])
        sizes = np.full(len(start), float(size))
        for _ in range(GROWTHS):
            blocked = ~self._lets_through(self._with_noise(noise, sizes))
            sizes[blocked] *= 10
        return self._with_noise(noise, sizes)

    def _with_noise(self, noise: np.ndarray, sizes: np.ndarray) -> tf.Tensor:
        scaled = noise * sizes.reshape(-1, *[1] * (noise.ndim - 1))
        return self.start + tf.constant(scaled, self.start.dtype)

    def _lets_through(self, x: tf.Tensor) -> np.ndarray:
        """Whether any gradient of the output reaches a row, shape (N,)."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = cross_entropy(classes(self.graph, self.edge, x), self.wanted)
        gradient = np.asarray(tf.convert_to_tensor(tape.gradient(value, x)))
        return gradient.reshape(len(gradient), -1).any(1)

    def run(self, x: tf.Tensor, steps: int, rate: float, progress: Progress) -> tf.Tensor:
        """Return the best x of all steps, the start included.

        Parameters
        ----------
        x : tf.Tensor, shape (N, ...)
            Where the descent begins.
        steps : int
        rate : float
            Size of the first step.
        progress : callable
        """
        best = self.start
        least = self.objective(self.loss, best, classes(self.graph, self.edge, best))
        done = 0
        for guide, some in ((cross_entropy, steps // 2), (self.loss, steps - steps // 2)):
            step = tf.function(functools.partial(self.step, guide), autograph=False)
            mean = square = tf.zeros_like(x)
            for number in range(some):
                progress(done + number, steps)
                size = rate * (1 + np.cos(np.pi * number / some)) / 2
                state = (x, mean, square, best, least)
                x, mean, square, best, least = step(*state, *constants(x.dtype, number + 1, size))
            done += some
        *_, best, _ = step(x, mean, square, best, least, *constants(x.dtype, 1, 0))
        progress(steps, steps)
        return best

    def step(
        self,
        guide: Loss,
        x: tf.Tensor,
        mean: tf.Tensor,
        square: tf.Tensor,
        best: tf.Tensor,
        least: tf.Tensor,
        number: tf.Tensor,
        size: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """Keep x where it is the best so far, and take one step of Adam along a loss that may be another one."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            log_p = classes(self.graph, self.edge, x)
            descended = self.objective(guide, x, log_p)
        gradient = tf.convert_to_tensor(tape.gradient(descended, x))
        value = self.objective(self.loss, x, log_p)
        better = tf.reshape(value < least, [-1, *[1] * (x.shape.rank - 1)])
        best, least = tf.where(better, x, best), tf.minimum(value, least)
        first, second = (tf.constant(decay, x.dtype) for decay in DECAY)
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        unbiased = mean / (1 - first**number), square / (1 - second**number)
        return x - size * unbiased[0] / (tf.sqrt(unbiased[1]) + 1e-8), mean, square, best, least


def constants(dtype: tf.DType, *numbers: float) -> list[tf.Tensor]:
    """Return numbers as tensors, so that a traced function is not traced for each."""
    return [tf.constant(float(number), dtype) for number in numbers]
