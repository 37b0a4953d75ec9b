"""Infidelity (Yeh et al., NeurIPS 2019): how far scores predict what random changes of x do to the output."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.errors import InputError
from deeplift_tf.evaluate.perturbations import PERTURBATIONS, Perturbation
from deeplift_tf.methods.call import Options
from deeplift_tf.methods.gradients import or_zero
from deeplift_tf.methods.values import require_one_input, target_values, weights_at
from deeplift_tf.plots.figure import alone, titled
from deeplift_tf.references import normalize_references
from deeplift_tf.scoring.display import Displayed
from deeplift_tf.scoring.inputs import InputArrays, as_input_arrays
from deeplift_tf.scoring.reference_sampler import generator
from deeplift_tf.scoring.scores import Scores, ranged

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Infidelity(Displayed):
    """What scores predict of random changes I, and what the network does.

    Attributes
    ----------
    predicted : np.ndarray, shape (N, S)
        I·Φ, with the scores Φ.
    actual : np.ndarray, shape (N, S)
        f(x) − f(x − I).
    """

    predicted: np.ndarray
    actual: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """The infidelity of each row, shape (N,): the mean of (I·Φ − (f(x) − f(x − I)))². Low is good."""
        return np.mean((self.predicted - self.actual) ** 2, 1)

    @property
    def scaled(self) -> np.ndarray:
        """The same of the scores times the number β that suits the row best, shape (N,).

        β = E[I·Φ (f(x) − f(x − I))] / E[(I·Φ)²]; it compares methods whose scores differ in size, such as gradients
        and saliency.
        """
        squares = np.mean(self.predicted**2, 1)
        best = np.mean(self.predicted * self.actual, 1) / np.where(squares, squares, 1)
        return np.mean((best[:, None] * self.predicted - self.actual) ** 2, 1)

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the lines that are shown of it."""
        return [
            ("rows, changes of each", " × ".join(map(str, self.predicted.shape))),
            ("infidelity", ranged(self.values)),
            ("at the best scale", ranged(self.scaled)),
        ]

    def plot(self, ax: Any = None) -> tuple[Any, Any]:
        """Draw what was predicted of each change against what happened; on the line both agree.

        Parameters
        ----------
        ax : matplotlib axes, optional

        Returns
        -------
        fig : matplotlib.figure.Figure
        ax : matplotlib axes
        """
        fig, panel = alone(ax, (4.2, 4.0))
        for predicted, actual in zip(self.predicted, self.actual, strict=True):
            panel.scatter(predicted, actual, s=10, alpha=0.6)
        panel.axline((0, 0), slope=1, color="black", linewidth=0.8)
        panel.set(xlabel="predicted by the scores, I·Φ", ylabel="change of the output, f(x) − f(x − I)")
        titled(panel, f"mean infidelity {self.values.mean():.3g}")
        return fig, panel


def infidelity(
    network: Network,
    x: np.ndarray,
    references: Any = None,
    target: Any = 0,
    *,
    scores: Scores | np.ndarray,
    perturbation: str | Perturbation = "subset",
    samples: int = 50,
    seed: int = 0,
    **options: Unpack[Options],
) -> Infidelity:
    """Change x at random, and compare the change of the output with the one that the scores predict.

    INFD(Φ, f, x) = E_I[(I·Φ − (f(x) − f(x − I)))²] (Yeh et al. 2019, definition 2.1). Φ is what one unit of each input
    value is worth: a gradient, or a multiplier m = C/Δx, so that I = Δx gives I·m = ΣC, and infidelity delta².

    Parameters
    ----------
    network : Network
        Of one input, of floats.
    x, references, target
        As for `Score.__call__`; references None: zeros. Of several references each change takes the next one.
    scores : Scores or np.ndarray, shape of x
        Of Scores the multipliers count; an array is Φ itself.
    perturbation : "subset", "window", "gaussian", "whole", or callable
        I: the difference from the reference at positions drawn with probability ½; inside of a random box; Gaussian
        noise of a tenth of the range of the row; the whole difference; or a function (row, reference, random) -> I.
    samples : int
        Changes of each row.
    seed : int
        A row's changes follow from the seed and what it holds, whatever batch it is in.
    **options
        See `Options`: `output`, `pre_activation` and `batch_size` count.

    Raises
    ------
    InputError
        For scores of another shape, or without multipliers, such as maps of Grad-CAM.
    """
    batch = as_input_arrays(x, network.graph.inputs)
    phi = phi_of(scores, network, batch)
    change, count = perturbation_named(perturbation), at_least_one("samples", samples)
    weights = weights_at(network, batch, target, options)
    given = normalize_references(or_zero(references), batch, network.graph.inputs).take(0, len(batch))[0]
    at_x = target_values(network, batch, weights, options)
    predicted, actual = [], []
    for changes in changes_of(batch.arrays[0], given, change, count, seed):
        changed = InputArrays((batch.arrays[0] - changes,), batch.names, batch.structure)
        predicted.append((changes * phi).reshape(len(batch), -1).sum(1))
        actual.append(at_x - target_values(network, changed, weights, options))
    return Infidelity(np.stack(predicted, 1), np.stack(actual, 1))


def changes_of(
    x: np.ndarray, references: np.ndarray, change: Perturbation, samples: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield changes of all rows, shape (N, ...), each with the next of the references, shape (1 or N, R, ...)."""
    random = [generator(seed, row.astype(np.float64)) for row in x]
    references = np.broadcast_to(references, (len(x), *references.shape[1:]))
    for sample in range(samples):
        against = references[:, sample % references.shape[1]]
        yield np.stack([change(*each) for each in zip(x, against, random, strict=True)])


def phi_of(scores: Scores | np.ndarray, network: Network, x: InputArrays) -> np.ndarray:
    """Return what one unit of each value of x is worth."""
    found = scores.multipliers if isinstance(scores, Scores) else scores
    require_one_input(network, "infidelity")
    if found is None:
        raise InputError("scores: expected multipliers or gradients; these have none, as maps of positions")
    if np.shape(found) != x.arrays[0].shape:
        raise InputError(f"scores: expected shape {x.arrays[0].shape}, that of x; received {np.shape(found)}")
    return np.asarray(found)


def perturbation_named(given: str | Perturbation) -> Perturbation:
    """Return how rows are changed."""
    if callable(given):
        return given
    if given not in PERTURBATIONS:
        raise InputError(f"perturbation: expected one of {', '.join(PERTURBATIONS)}, or a function; received {given!r}")
    return PERTURBATIONS[given]
