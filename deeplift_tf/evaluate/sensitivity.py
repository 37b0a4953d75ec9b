"""Sensitivity (Yeh et al., NeurIPS 2019): how much scores change when x changes a little."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.evaluate.ranks import flat_rows
from deeplift_tf.methods import method_named
from deeplift_tf.methods.table import Method
from deeplift_tf.methods.values import held, require_one_input
from deeplift_tf.plots.figure import alone, titled
from deeplift_tf.scoring.display import Displayed
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.scoring.reference_sampler import generator
from deeplift_tf.scoring.scores import ranged

if TYPE_CHECKING:
    from deeplift_tf.network import Network


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Sensitivity(Displayed):
    """How far scores move.

    Attributes
    ----------
    changes : np.ndarray, shape (N, S)
        ‖Φ(y) − Φ(x)‖ for each neighbour y of a row.
    norms : np.ndarray, shape (N,)
        ‖Φ(x)‖.
    """

    changes: np.ndarray
    norms: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """The maximum over neighbours, shape (N,). Low is good."""
        return self.changes.max(1)

    @property
    def relative(self) -> np.ndarray:
        """The same as a part of ‖Φ(x)‖, which compares methods whose scores differ in size; 0 of scores without any."""
        return self.values / np.where(self.norms, self.norms, 1)

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the lines that are shown of it."""
        return [
            ("rows, neighbours of each", " × ".join(map(str, self.changes.shape))),
            ("sensitivity", ranged(self.values)),
            ("relative to the scores", ranged(self.relative)),
        ]

    def plot(self, ax: Any = None) -> tuple[Any, Any]:
        """Draw the relative change of the scores for every neighbour, the largest as a line.

        Parameters
        ----------
        ax : matplotlib axes, optional

        Returns
        -------
        fig : matplotlib.figure.Figure
        ax : matplotlib axes
        """
        fig, panel = alone(ax, (4.8, 3.2))
        rows = np.arange(len(self.changes))
        parts = self.changes / np.where(self.norms, self.norms, 1)[:, None]
        panel.scatter(np.repeat(rows, parts.shape[1]), parts.ravel(), s=10, alpha=0.5, color="#2166ac")
        panel.hlines(self.relative, rows - 0.3, rows + 0.3, color="#b2182b", label="largest")
        panel.set(xlabel="row", ylabel="‖Φ(y) − Φ(x)‖ / ‖Φ(x)‖")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.set_ylim(bottom=0)
        panel.legend()
        titled(panel, f"mean sensitivity {self.relative.mean():.3g}")
        return fig, panel


def sensitivity(
    network: Network,
    x: np.ndarray,
    method: str | Method = "deeplift",
    references: Any = None,
    target: Any = 0,
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
    **arguments: Any,
) -> Sensitivity:
    """Score random neighbours of x, and return how far their scores are from those of x.

    SENS_MAX(Φ, f, x, r) = max over ‖y − x‖∞ ≤ r of ‖Φ(f, y) − Φ(f, x)‖ (Yeh et al. 2019), estimated by the largest of
    some y that are drawn uniformly.

    Parameters
    ----------
    network : Network
        Of one input, of floats.
    x, references, target
        As for `Score.__call__`. References that are a function of x are made for each neighbour; a target that x
        chooses, as "predicted", stays.
    method : str or callable
        A name from `METHODS`, or any function with their arguments.
    radius : float
        r, as a fraction of the largest minus the smallest value of each row.
    samples : int
        Neighbours of each row.
    seed : int
        A row's neighbours follow from the seed and what it holds, whatever batch it is in.
    **arguments
        Of the method.
    """
    require_one_input(network, "sensitivity")
    batch, scored, count = (
        as_input_arrays(x, network.graph.inputs),
        method_named(method),
        at_least_one("samples", samples),
    )
    rows = batch.arrays[0]
    target = held(network, batch, target, arguments)
    before = flat(scored(network, rows, references, target, **arguments).contributions)
    random = [generator(seed, row.astype(np.float64)) for row in rows]
    sizes = [radius * (row.max() - row.min()) for row in rows]
    changes = []
    for _ in range(count):
        moved = [size * each.uniform(-1, 1, rows.shape[1:]) for size, each in zip(sizes, random, strict=True)]
        after = flat(scored(network, rows + np.stack(moved), references, target, **arguments).contributions)
        changes.append(np.linalg.norm(after - before, axis=1))
    return Sensitivity(np.stack(changes, 1), np.linalg.norm(before, axis=1))


def flat(contributions: Any) -> np.ndarray:
    """Return the contributions of each row as a vector, shape (N, values), float64."""
    rows = np.asarray(flat_rows(contributions), np.float64)
    return rows.reshape(len(rows), -1)
