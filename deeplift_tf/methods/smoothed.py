"""Any method averaged over noisy copies of x: SmoothGrad for all, with squares and variances."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.methods.table import Method, method_named, name_of
from deeplift_tf.scoring.path_gradients import at_least_one
from deeplift_tf.scoring.reference_sampler import generator
from deeplift_tf.scoring.scores import Scores

if TYPE_CHECKING:
    from deeplift_tf.network import Network

KINDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean": lambda mean, square: mean,
    "square": lambda mean, square: square,
    "variance": lambda mean, square: np.maximum(square - mean**2, 0),
}
"""From the mean and the mean square over samples to what is returned."""


def smoothed(
    method: str | Method, *, samples: int = 25, scale: float = 0.15, kind: str = "mean", seed: int = 0
) -> Method:
    """Return a method whose contributions are averaged over copies of x with Gaussian noise (Smilkov et al. 2017).

    ``smoothed("gradient")`` is `smoothgrad`. References that are a function of x are made for each noisy copy.

    Parameters
    ----------
    method : str or callable
        A name of `METHODS`, or a function with their arguments.
    samples : int
    scale : float
        Standard deviation, as a fraction of the largest minus the smallest value of each row.
    kind : "mean", "square" or "variance"
        The mean of the contributions; of their squares (SmoothGrad², Hooker et al. 2019); their variance (VarGrad,
        Adebayo et al. 2018).
    seed : int
        A row's noise follows from the seed and what it holds, whatever batch it is in.

    Returns
    -------
    callable
        Takes the arguments of the others, x of one array of floats, and the target by number. `outputs` and
        `reference_outputs` are those of x itself.

    Raises
    ------
    InputError
        For another kind, or fewer samples than one; in a call, for x or a target that does not fit.
    """
    if kind not in KINDS:
        raise InputError(f"kind: expected one of {', '.join(map(repr, KINDS))}; received {kind!r}")
    scored, count = method_named(method), at_least_one("samples", samples)

    def averaged(network: Network, x: Any, references: Any = None, target: Any = 0, **options: Any) -> Scores:
        rows = np.asarray(x) if not isinstance(x, (list, tuple, dict)) else None
        if rows is None or rows.dtype.kind != "f":
            raise InputError(f"smoothed: expected x as one array of floats; received {type(x).__name__}")
        targets = options.get("targets")
        for each in [target] if targets is None else targets:
            if isinstance(each, str) or callable(each):
                raise InputError(
                    f"target: expected a number or weights, which are the same for all noisy copies; received {each!r}"
                )
        at_x = scored(network, rows, references, target, **options)
        if not isinstance(at_x.contributions, np.ndarray):
            raise InputError("smoothed: expected a method that returns one array of contributions")
        random = [generator(seed, row.astype(np.float64)) for row in rows]
        scales = [scale * (row.max() - row.min()) for row in rows]
        total, squares = np.zeros((2, *at_x.contributions.shape))
        for _ in range(count):
            noise = [size * each.standard_normal(rows.shape[1:]) for size, each in zip(scales, random, strict=True)]
            found = scored(network, (rows + np.stack(noise)).astype(rows.dtype), references, target, **options)
            total += found.contributions
            squares += np.square(found.contributions, dtype=np.float64)
        made = KINDS[kind](total / count, squares / count).astype(at_x.contributions.dtype)
        label = f"{kind} of {count} noisy {at_x.label}"
        return at_x.replace(contributions=made, multipliers=None, delta=None, hypothetical=None, label=label)

    averaged.__name__ = f"smoothed_{name_of(method)}"
    return averaged
