"""Both strands of DNA."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.genomics.strand_targets import StrandTargets
from deeplift_tf.network import Network
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.scoring.scores import ARRAYS, Scores
from deeplift_tf.sequences.letters import from_the_end

if TYPE_CHECKING:
    from collections.abc import Sequence


def reverse_complement(x: np.ndarray) -> np.ndarray:
    """Return the other strand, shape (..., length, 4), for letters in the order A, C, G, T."""
    return x[..., ::-1, ::-1]


def both_strands(
    score: Callable[..., Scores],
    network: Network | None = None,
    *,
    stranded: bool | None = None,
    letters_axis: int = -1,
) -> Callable[..., Scores]:
    """Return a scoring function whose scores are the means over the two strands, at the positions of the one given.

    References are made for each strand; arrays are turned round as the sequences are. delta is the larger of the two.
    Tracks beside the sequences are turned round too: their positions and, if there are two, their order, that of the
    strands.

    A target means the same place on both strands: position p of a profile becomes position p from the other end, also
    in arrays of weights. "predicted" is the class with the largest mean output over the strands. Callables see the
    outputs of each strand.

    Parameters
    ----------
    score : callable
        A scoring function of an input of shape (N, length, 4), that returns the scores of this one alone.
    network : Network, optional
        That of `score`; a scoring function that `Network.compile` made, or a partial of a method, has it already.
    stranded : bool, optional
        Whether an axis of two channels of an output holds the two strands, which then change places. Needed for
        targets that differ between two channels of a profile.
    letters_axis : int
        The axis of x that holds the letters.

    Raises
    ------
    InputError
        If `score` scores hidden layers.
    TargetError
        By the function that is returned: if it is not clear what the target is on the other strand.
    """
    if getattr(score, "layers", None):
        raise InputError(
            "both_strands: expected scores of the inputs; hidden layers have no complement. Score each strand by itself"
        )
    network = network_of(score) if network is None else network
    targets = StrandTargets(network, stranded, letters_axis)

    def averaged(x: Any, references: Any = None, target: Any = 0, **arguments: Any) -> Scores:
        x = arranged(x, network)
        axes = turned_axes(x, stranded, letters_axis)
        turn = functools.partial(turned, x=x, turn_axes=axes)
        forward, reverse = targets.both(x, turn(x), target, **arguments)
        one = score(x, references=references, **(arguments | forward))
        other = score(turn(x), references=turn(references), **(arguments | reverse))
        return mean_of(one, other, functools.partial(scores_turned, x=x, turn_axes=axes))

    return averaged


def network_of(score: Any) -> Network | None:
    """Return the network of a scoring function: its own, or the one that a partial of a method holds."""
    if isinstance(score, functools.partial):
        held: Sequence[Any] = (*score.args, *score.keywords.values())
        return next((each for each in held if isinstance(each, Network)), None)
    found = getattr(score, "network", None)
    return found if isinstance(found, Network) else None


def arranged(x: Any, network: Network | None) -> Any:
    """Return x as arrays, in a list or dict if there are several inputs."""
    if network is not None:
        batch = as_input_arrays(x, network.graph.inputs)
        return batch.restore(batch.arrays)
    if isinstance(x, Mapping):
        return {name: np.asarray(part) for name, part in x.items()}
    several = isinstance(x, list | tuple) and np.ndim(x[0]) > 2
    return [np.asarray(part) for part in x] if several else np.asarray(x)


def parts_of(x: Any) -> list[Any]:
    """Return the arrays of x."""
    return list(x.values()) if isinstance(x, Mapping) else x if isinstance(x, list) else [x]


def turned_axes(x: Any, stranded: bool | None, letters_axis: int) -> list[list[int]]:
    """Return, for each input, the axes of its rows that change direction on the other strand, counted from the end.

    Raises
    ------
    InputError
        If no input has four letters on `letters_axis`.
    """
    shapes = [part.shape for part in parts_of(x)]
    is_dna = [len(shape) > 2 and shape[from_the_end(letters_axis, len(shape))] == len("ACGT") for shape in shapes]
    if not any(is_dna):
        raise InputError(
            f"both_strands: expected sequences with the letters A, C, G, T on axis {letters_axis} (letters_axis); "
            f"received shapes {shapes}"
        )
    return [_turned_axes(shape[1:], dna, stranded) for shape, dna in zip(shapes, is_dna, strict=True)]


def _turned_axes(row: tuple[int, ...], dna: bool, stranded: bool | None) -> list[int]:
    axes = list(range(-len(row), 0))
    strands = row[-1:] == (2,) and stranded is not False
    if dna:
        return axes
    if len(row) == 1:
        return axes if strands else []  # a number for each strand; other numbers belong to no strand
    return axes if strands else axes[:-1]


def turned(values: Any, x: Any, turn_axes: list[list[int]]) -> Any:
    """Return arrays in the structure of x on the other strand; numbers, and what makes references, stay."""
    each = zip(parts_of(x), turn_axes, strict=True)
    if isinstance(values, Mapping) and isinstance(x, Mapping):
        return {name: _turned(values[name], *pair) for name, pair in zip(x, each, strict=True)}
    if isinstance(values, list | tuple) and isinstance(x, list):
        return [_turned(part, *pair) for part, pair in zip(values, each, strict=True)]
    return values if isinstance(x, Mapping | list) else _turned(values, *next(each))


def _turned(values: Any, part: np.ndarray, axes: list[int]) -> Any:
    if values is None or callable(values) or np.ndim(values) < part.ndim - 1:
        return values
    return np.flip(np.asarray(values), tuple(axes))


def scores_turned(values: Any, x: Any, turn_axes: list[list[int]]) -> Any:
    """Return scores on the other strand: in the structure of x, or those of the sequences alone."""
    if isinstance(values, Mapping | list) or not isinstance(x, Mapping | list):
        return turned(values, x, turn_axes)
    pairs = zip(parts_of(x), turn_axes, strict=True)
    fitting = (axes for part, axes in pairs if values.shape[1 - part.ndim :] == part.shape[1:])
    return np.flip(values, tuple(next(fitting)))


def mean_of(forward: Scores, reverse: Scores, turn: Callable[[Any], Any]) -> Scores:
    """Return the means of the scores of a strand and of those of its reverse complement, which `turn` turns back."""
    values: dict[str, Any] = {}
    for name in ARRAYS:
        one, other = getattr(forward, name), getattr(reverse, name)
        if one is None:
            values[name] = None
        elif name == "delta":
            values[name] = np.where(np.abs(one) >= np.abs(other), one, other)
        elif name in ("outputs", "reference_outputs"):
            values[name] = (one + other) / 2
        else:
            values[name] = _means(one, turn(other))
    return forward.replace(**values)


def _means(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping):
        return {name: _means(part, other[name]) for name, part in one.items()}
    if isinstance(one, list):
        return [_means(part, each) for part, each in zip(one, other, strict=True)]
    return None if one is None else (one + other) / 2
