"""The network along the straight path from the reference to x: where it saturates, and what gradients see there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.errors import InputError
from deeplift_tf.methods.call import Options
from deeplift_tf.methods.gradients import gradient, or_zero
from deeplift_tf.methods.values import require_one_input, weights_at
from deeplift_tf.plots.path import path
from deeplift_tf.references import normalize_references
from deeplift_tf.scoring.display import Displayed
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.scoring.scores import ranged

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class AlongPath(Displayed):
    """Output and gradient at x⁰ + αΔx.

    Attributes
    ----------
    fractions : np.ndarray, shape (S,)
        α, from 0 at the reference to 1 at x.
    outputs : np.ndarray, shape (N, S)
        The target's value F.
    slopes : np.ndarray, shape (N, S)
        dF/dα = ∇F·Δx.
    """

    fractions: np.ndarray
    outputs: np.ndarray
    slopes: np.ndarray

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the lines that are shown of it."""
        return [
            ("rows, places", " × ".join(map(str, self.outputs.shape))),
            ("outputs at the reference", ranged(self.outputs[:, 0])),
            ("outputs at x", ranged(self.outputs[:, -1])),
            ("gradient along the path", ranged(self.slopes)),
        ]

    def plot(self, row: int = 0, ax: Any = None) -> tuple[Any, Any]:
        """Draw both for a row; see `deeplift_tf.plots.path`."""
        return path(self.fractions, self.outputs[row], self.slopes[row], title=f"row {row}", ax=ax)


def along_path(
    network: Network,
    x: np.ndarray,
    references: Any = None,
    target: Any = 0,
    *,
    steps: int = 50,
    **options: Unpack[Options],
) -> AlongPath:
    """Return the output and the gradient at places on the way from the reference to x.

    Parameters
    ----------
    network : Network
        Of one input, of floats.
    x, references, target
        As for `Score.__call__`; one reference for each row, None: zeros. A target that x chooses, as
        "predicted", stays.
    steps : int
        Equal parts of the way.
    **options
        See `Options`: `output`, `pre_activation` and `batch_size` count.

    Raises
    ------
    InputError
        For several inputs or several references.
    """
    require_one_input(network, "along_path")
    batch = as_input_arrays(x, network.graph.inputs)
    given = normalize_references(or_zero(references), batch, network.graph.inputs)
    if given.count != 1:
        raise InputError(f"references: expected one for each row, to which there is one way; received {given.count}")
    reference = given.take(0, len(batch))[0][:, 0]
    delta = batch.arrays[0] - reference
    fractions = np.linspace(0, 1, at_least_one("steps", steps) + 1)
    weights = weights_at(network, batch, target, options)
    weights = np.broadcast_to(weights, (len(batch), *weights.shape[1:]))
    outputs, slopes = [], []
    for fraction in fractions:
        found = gradient(network, reference + fraction * delta, target=weights, **options)
        outputs.append(found.outputs)
        slopes.append((found.contributions * delta).reshape(len(batch), -1).sum(1))
    return AlongPath(fractions, np.stack(outputs, 1), np.stack(slopes, 1))
