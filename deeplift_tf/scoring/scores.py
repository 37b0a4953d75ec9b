"""Scores: the result of a scoring function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from deeplift_tf.deprecation import warn
from deeplift_tf.scoring.display import Displayed, shapes_of


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Scores(Displayed):
    """What a scoring function returns: numpy arrays, averaged over references.

    With `targets` given, every array has a leading axis of K targets. ``scores[2:5]`` are the scores of some rows.

    Attributes
    ----------
    contributions : array, or list or dict of arrays, shape of x
        C, which sums to the difference of the target from its reference. For an input of integers or texts, C of the
        first floats computed from it, such as an embedding, shape (N, ..., width); None if there are no such floats.
    multipliers : array, or list or dict of arrays, shape of `contributions`
        m = C/Δx.
    outputs : np.ndarray, shape (N,)
        The target's value for x.
    reference_outputs : np.ndarray, shape (N,), or None
        The target's value for the reference; None under rules without a reference.
    delta : np.ndarray, shape (N,), or None
        ΣC − Δt, the sum-to-delta error, for the reference with the largest error. None if it has no meaning: under
        rules without a reference, and if the scored layers do not cut every path to the target.
    hypothetical : array, or list or dict of arrays, shape of x, or None
        What each letter would contribute at each position.
    target, references : str
        Short descriptions of the arguments.
    label : str
        What `contributions` holds, where it is something else: "Grad-CAM of conv2d", a map.
    classes : np.ndarray, shape (N,), int32, or None
        The class of each row, where it is not the same for all: of the target "predicted", or of one index for each
        row. With several targets -1 stands for those that name no class.
    """

    contributions: Any
    multipliers: Any
    outputs: np.ndarray
    reference_outputs: np.ndarray | None
    delta: np.ndarray | None
    hypothetical: Any = None
    target: str = ""
    references: str = ""
    label: str = "contributions"
    classes: np.ndarray | None = None

    def arrays(self) -> dict[str, Any]:
        """Return the arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    def replace(self, **changes: Any) -> Scores:
        """Return the same scores with other values in some fields."""
        return dataclasses.replace(self, **changes)

    def map(self, function: Callable[[np.ndarray], Any]) -> Scores:
        """Return the scores with a function applied to every array.

        Parameters
        ----------
        function : callable
            array -> array.
        """
        return self.replace(**{name: mapped(value, function) for name, value in self.arrays().items()})

    def __len__(self) -> int:
        return int(self.outputs.shape[-1])

    def __getitem__(self, rows: slice | Sequence[int] | np.ndarray | int) -> Any:
        """Return the scores of some rows.

        Parameters
        ----------
        rows : slice, or array of int or bool
            Of one row, a slice of length one.
        """
        if isinstance(rows, int):
            warn_of_tuple(f"[{rows}]", ARRAYS[rows])
            return getattr(self, ARRAYS[rows])
        chosen: Any = rows if isinstance(rows, slice) else np.asarray(rows)
        several_targets = np.ndim(self.outputs) == 2
        return self._taken(lambda array: array[:, chosen] if several_targets else array[chosen])

    def of_target(self, index: int) -> Scores:
        """Return the scores of one of several targets."""
        return self._taken(lambda array: array[index])

    def _taken(self, function: Callable[[np.ndarray], Any]) -> Scores:
        """Return the scores with a part taken of every array, classes among them."""
        return self.map(function).replace(classes=mapped(self.classes, function))

    def __iter__(self) -> Iterator[Any]:
        warn_of_tuple("__iter__()", "arrays().values()")
        return iter(self.arrays().values())

    def per_token(self) -> Any:
        """Return the contributions summed over their last axis: one for each token, position or pixel."""
        return mapped(self.contributions, lambda array: array.sum(-1))

    def facts(self) -> Sequence[tuple[str, str]]:
        """Return the lines of its display."""
        largest = "none is promised" if self.delta is None else f"{np.abs(self.delta).max(initial=0):.2g}"
        further = [] if self.hypothetical is None else [("hypothetical", shapes_of(self.hypothetical))]
        return [
            (self.label, shapes_of(self.contributions)),
            *further,
            ("outputs", ranged(self.outputs)),
            *([] if self.reference_outputs is None else [("reference outputs", ranged(self.reference_outputs))]),
            ("largest |delta|", largest),
            *([("target", self.target)] if self.target else []),
            *([] if self.classes is None else [("classes", ranged(self.classes))]),
            *([("references", self.references)] if self.references else []),
        ]

    def _replace(self, **changes: Any) -> Scores:
        warn_of_tuple("_replace(...)", "replace(...)")
        return self.replace(**changes)

    def _asdict(self) -> dict[str, Any]:
        warn_of_tuple("_asdict()", "arrays()")
        return self.arrays()


ARRAYS = ("contributions", "multipliers", "outputs", "reference_outputs", "delta", "hypothetical")
"""Fields of `Scores` that hold numbers."""


def warn_of_tuple(old: str, new: str) -> None:
    """Warn about methods that `Scores` had as a named tuple."""
    warn(f"scores.{old} is now scores.{new}", 3)


def mapped(value: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """Return a function of an array, or of each in a list or dict; None stays None."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: mapped(part, function) for name, part in value.items()}
    if isinstance(value, list):
        return [mapped(part, function) for part in value]
    return function(value)


def ranged(values: np.ndarray) -> str:
    """Return the shape of an array, its minimum and its maximum."""
    if not values.size:
        return f"{values.shape}"
    return f"{values.shape}, from {values.min():.4g} to {values.max():.4g}"
