"""A method averaged over noisy copies of x, and SmoothGrad, the case of gradients (Smilkov et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.errors import InputError
from deeplift_tf.graph.graph import Input
from deeplift_tf.methods.call import Options
from deeplift_tf.methods.gradients import gradient
from deeplift_tf.methods.values import held, scored_values
from deeplift_tf.scoring.inputs import InputArrays, as_input_arrays
from deeplift_tf.scoring.progress import as_progress
from deeplift_tf.scoring.reference_sampler import generator
from deeplift_tf.scoring.scores import Scores, mapped

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network

KINDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean": lambda mean, square: mean,
    "square": lambda mean, square: square,
    "variance": lambda mean, square: np.maximum(square - mean**2, 0),
}
"""From the mean and the mean square over samples to what is returned."""

AVERAGED = ("contributions", "multipliers", "hypothetical")


def noisy_copies(x: InputArrays, inputs: Sequence[Input], scale: float, seed: int) -> Iterator[Any]:
    """Yield copies of x with Gaussian noise in its floats, without end.

    Parameters
    ----------
    x : InputArrays
    inputs : sequence of Input
        Of the network; those of integers and texts stay as they are.
    scale : float
        Standard deviation, as a fraction of the largest minus the smallest value of each row.
    seed : int
        A row's noise follows from the seed and what it holds, whatever batch it is in.
    """
    random = {
        index: [generator(seed, row.astype(np.float64)) for row in x.arrays[index]]
        for index, value in enumerate(inputs)
        if value.dtype.is_floating
    }
    if not random:
        raise InputError("noise: expected an input of floats, to which it can be added; x has none")
    while True:
        made = list(x.arrays)
        for index, drawn in random.items():
            array = x.arrays[index]
            noise = [
                scale * (row.max() - row.min()) * each.standard_normal(row.shape)
                for row, each in zip(array, drawn, strict=True)
            ]
            made[index] = (array + np.stack(noise)).astype(inputs[index].dtype.as_numpy_dtype)
        yield x.restore(made)


def over_noise(
    method: Callable[..., Scores],
    network: Network,
    x: Any,
    references: Any,
    target: Any,
    options: Mapping[str, Any],
    *,
    samples: int,
    scale: float,
    kind: str = "mean",
    seed: int = 0,
) -> Scores:
    """Return the scores of a method at x with means, squares or variances over noisy copies in their place.

    The parameters are those of `deeplift_tf.methods.smoothed`. A target that the outputs of x choose stays the same
    for all copies.
    """
    count, batch = at_least_one("samples", samples), as_input_arrays(x, network.graph.inputs)
    progress, others = as_progress(options.get("progress", False)), {**options, "progress": False}
    if options.get("targets") is not None:
        others["targets"] = [held(network, batch, each, options) for each in options["targets"]]
    target = held(network, batch, target, options)
    at_x = method(network, x, references, target, **others)
    wanted = AVERAGED if kind == "mean" else ("contributions",)  # squares of multipliers are no multipliers
    sums = {name: [np.zeros((2, *each.shape)) for each in leaves(getattr(at_x, name))] for name in wanted}
    for done, copy in zip(range(1, count + 1), noisy_copies(batch, network.graph.inputs, scale, seed), strict=False):
        found = method(network, copy, references, target, **others)
        for name, totals in sums.items():
            for total, array in zip(totals, leaves(getattr(found, name)), strict=True):
                total += array, np.square(array, dtype=np.float64)
        progress(done * len(batch), count * len(batch))
    made: dict[str, Any] = dict.fromkeys(AVERAGED)
    for name, totals in sums.items():
        parts = [KINDS[kind](*(total / count)) for total in totals]
        made[name] = in_place_of(getattr(at_x, name), parts)
    return at_x.replace(**made, delta=None, label=f"{kind} of {count} noisy {at_x.label}")


def leaves(value: Any) -> list[np.ndarray]:
    """Return the arrays of a structure of them, in order."""
    found: list[np.ndarray] = []
    mapped(value, found.append)
    return found


def in_place_of(value: Any, arrays: Sequence[np.ndarray]) -> Any:
    """Return other arrays in a structure, in the order of `leaves`, in the dtypes of those that were there."""
    left = iter(arrays)
    return mapped(value, lambda array: next(left).astype(array.dtype))


def smoothgrad(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    multiply_by_inputs: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """SmoothGrad: the mean gradient at x with Gaussian noise added (Smilkov et al. 2017).

    It is ``smoothed("gradient")``. Parameters are those of `gradient`, with references never read, and

    Parameters
    ----------
    samples : int
    noise : float
        Standard deviation, as a fraction of the largest minus the smallest value of each row.
    seed : int
        A row's noise follows from the seed and what it holds, whatever batch it is in.
    multiply_by_inputs : bool
        True multiplies by x.
    """
    made = over_noise(gradient, network, x, 0.0, target, options, samples=samples, scale=noise, seed=seed)
    if not multiply_by_inputs:
        return made
    batch = as_input_arrays(x, network.graph.inputs)
    values = leaves(scored_values(network, batch, options.get("layers"), options.get("batch_size", 32)))
    products = [m * value for m, value in zip(leaves(made.multipliers), values, strict=True)]
    return made.replace(contributions=in_place_of(made.multipliers, products))
