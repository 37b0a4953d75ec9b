"""Any method averaged over noisy copies of x: SmoothGrad for all, with squares and variances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.errors import InputError
from deeplift_tf.methods.noise import KINDS, over_noise
from deeplift_tf.methods.table import Method, method_named, name_of
from deeplift_tf.scoring.scores import Scores

if TYPE_CHECKING:
    from deeplift_tf.network import Network


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
        Takes the arguments of the others. Noise goes into inputs of floats; `outputs` and `reference_outputs` are
        those of x itself, and so is the class that "predicted" means.

    Raises
    ------
    InputError
        For another kind, or fewer samples than one; in a call, for x without floats.
    """
    if kind not in KINDS:
        raise InputError(f"kind: expected one of {', '.join(map(repr, KINDS))}; received {kind!r}")
    scored, count = method_named(method), at_least_one("samples", samples)

    def averaged(network: Network, x: Any, references: Any = None, target: Any = 0, **options: Any) -> Scores:
        return over_noise(
            scored, network, x, references, target, options, samples=count, scale=scale, kind=kind, seed=seed
        )

    averaged.__name__ = f"smoothed_{name_of(method)}"
    return averaged
