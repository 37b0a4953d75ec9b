"""Comparison of methods and references, side by side."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import DeepLiftError, InputError
from deeplift_tf.evaluate.ranks import flat_rows, mean_over_ordered, per_position, rank_correlation
from deeplift_tf.graph.graph import Edge
from deeplift_tf.methods import WITHOUT_REFERENCES, method_named, name_of
from deeplift_tf.methods.call import Options
from deeplift_tf.methods.table import Method
from deeplift_tf.plots import heatmap
from deeplift_tf.plots.figure import panels, titled
from deeplift_tf.plots.heatmap import show
from deeplift_tf.plots.maps import picture_of
from deeplift_tf.printable import text_table
from deeplift_tf.references import normalize_references
from deeplift_tf.scoring.display import DisplayedTable
from deeplift_tf.scoring.inputs import InputArrays, as_input_arrays
from deeplift_tf.scoring.scores import Scores
from deeplift_tf.scoring.target_layer import probabilities, resolve_target

if TYPE_CHECKING:
    from deeplift_tf.network import Network

logger = logging.getLogger("deeplift_tf")

FAR_FROM_ZERO = 0.25  # of the mean magnitude of the outputs for x
FAR_FROM_UNIFORM = 0.1  # largest deviation of a probability from 1/C
LOOKED_AT = 16  # rows of x whose references are run through the network


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Comparison(DisplayedTable):
    """Scores of several methods against several references.

    Attributes
    ----------
    scores : dict of str to Scores
        By method, and by reference where there are several.
    agreement : np.ndarray, shape (M, M)
        Rank correlation between every two of the scores, in their order: of each row over its positions, then
        averaged over the rows of which both have an order. NaN where there is no such row.
    notes : tuple of str
        What the references' own outputs say against them, and which scores have rows without an order.
    x : np.ndarray or None
        What was scored, where it is one array.
    """

    scores: dict[str, Scores]
    agreement: np.ndarray
    notes: tuple[str, ...]
    x: np.ndarray | None

    def __str__(self) -> str:
        rows = [
            (f"{index:>3} {name}", *(f"{value:.2f}" for value in row))
            for index, (name, row) in enumerate(zip(self.scores, self.agreement, strict=True), 1)
        ]
        head = ("    rank agreement", *(str(index) for index in range(1, len(rows) + 1)))
        return "\n".join([text_table(head, rows, numbers=True), *self.notes])

    def plot(self, rows: Sequence[int] = (0,)) -> tuple[Any, np.ndarray]:
        """Draw the scores of some rows, one column for each method; every panel has its own scale.

        Parameters
        ----------
        rows : sequence of int

        Returns
        -------
        fig : matplotlib.figure.Figure
        axes : np.ndarray, shape (rows, M), or (rows, 1 + M) of images, which are drawn first
        """
        maps = [per_position(flat_rows(each.contributions)) for each in self.scores.values()]
        if self.x is not None and self.x.ndim == 4:
            return drawn_as_images(maps, self.x, list(self.scores), rows)
        fig, axes = panels(len(maps) * len(rows), len(maps), (3.0, 2.0))
        grid = axes.reshape(len(rows), len(maps))
        for line, row in zip(grid, rows, strict=True):
            for panel, values, name in zip(line, maps, self.scores, strict=True):
                panel.bar(np.arange(values[row].size), values[row].ravel(), width=1.0, color="#b2182b")
                titled(panel, name)
        return fig, grid


def drawn_as_images(
    maps: Sequence[np.ndarray], x: np.ndarray, names: Sequence[str], rows: Sequence[int]
) -> tuple[Any, np.ndarray]:
    """Draw images and, beside each, its maps with the edges of what they are about."""
    columns = 1 + len(maps)
    fig, axes = panels(columns * len(rows), columns, (2.2, 2.3))
    grid = axes.reshape(len(rows), columns)
    style: dict[str, Any] = {"alpha": 1.0, "edges": True, "vmax": "each", "colorbar": False, "titles": names}
    for line, row in zip(grid, rows, strict=True):
        heatmap([each[row] for each in maps], [x[row]] * len(maps), ax=line[1:], **style)
        show(line[0], picture_of(x[row]))
        titled(line[0], f"row {row}")
    return fig, grid


def compare(
    network: Network,
    x: Any,
    methods: Sequence[str | Method] | Mapping[str, str | Method] = ("deeplift", "integrated_gradients", "gradient"),
    references: Sequence[Any] | Mapping[str, Any] = (None,),
    target: Any = 0,
    **options: Any,
) -> Comparison:
    """Score x by several methods against several references.

    Parameters
    ----------
    network : Network
    x : array, or list or dict of arrays, shape (N, ...)
    methods : sequence of str or callable, or mapping of str to them
        Names from `dl.methods.METHODS`, or functions with their arguments, as ``partial(grad_cam, layer="conv")``.
    references : sequence, or mapping of str to references
        Each in any form that `Score.__call__` takes. Methods that read none are run once.
    target
        As for `Score.__call__`; one target.
    **options
        Further arguments of every method, see `dl.methods.Options`.

    Returns
    -------
    Comparison
        References whose own output is far from zero, or far from uniform behind a softmax, are named in its `notes`
        and in the log: contributions then explain a difference between two predictions rather than a prediction.

    Raises
    ------
    InputError
        If two methods, or two references, have the same name.
    DeepLiftError
        If an argument does not fit a method; all are tried on the first row before any is run on all.
    """
    if options.get("targets") is not None:
        raise InputError("compare: expected one target; received targets=")
    batch = as_input_arrays(x, network.graph.inputs)
    against = named(references, reference_name, "references")
    runs = runs_of(named(methods, name_of, "methods"), against)
    check_first(network, batch, runs, target, options)
    scores = {key: run.method(network, x, run.reference, target, **options) for key, run in runs.items()}
    notes = [
        note for label, each in against.items() if (note := far_from_neutral(network, batch, label, each, options))
    ]
    notes += unordered(scores)
    for note in notes:
        logger.warning(note)
    return Comparison(scores, agreement_of(scores), tuple(notes), batch.arrays[0] if len(batch.arrays) == 1 else None)


class Run(NamedTuple):
    """One method against one reference."""

    method: Method
    reference: Any


def runs_of(methods: Mapping[str, str | Method], references: Mapping[str, Any]) -> dict[str, Run]:
    """Return what is run by its name: every method against every reference; those that read none once."""
    found: dict[str, Run] = {}
    for name, method in methods.items():
        for label, reference in references.items():
            alone = len(references) == 1 or name in WITHOUT_REFERENCES
            found.setdefault(name if alone else f"{name}, {label}", Run(method_named(method), reference))
    return found


def check_first(
    network: Network, x: InputArrays, runs: Mapping[str, Run], target: Any, options: Mapping[str, Any]
) -> None:
    """Refuse arguments that do not fit, before minutes are spent on others that do.

    References and target are checked against all rows of x; each method is then tried on the first row.

    Raises
    ------
    DeepLiftError
    """
    if unknown := sorted(set(options) - set(Options.__annotations__)):
        raise InputError(f"compare: expected arguments among {', '.join(Options.__annotations__)}; received {unknown}")
    score = network.compile(layers=options.get("layers"))
    whole = x.restore(x.arrays)
    for run in {id(run.reference): run for run in runs.values()}.values():
        reference = 0.0 if run.reference is None else run.reference
        score.ask(whole, reference, target, None, options.get("output"), options.get("pre_activation", False))
    if len(x) == 1:
        return
    row = InputArrays(tuple(array[:1] for array in x.arrays), x.names, x.structure)
    alone = target[:1] if is_of_rows(target, len(x), network, options) else target
    for run in runs.values():
        reference = of_first_row(run.reference, x, network)
        run.method(network, row.restore(row.arrays), reference, alone, **{**options, "progress": False})


def is_of_rows(target: Any, rows: int, network: Network, options: Mapping[str, Any]) -> bool:
    """Whether a target is an array with an entry for each row."""
    if callable(target) or isinstance(target, str | tuple) or np.ndim(target) == 0 or len(target) != rows:
        return False
    graph = network.graph
    shape = graph.shape(resolve_target(graph, options.get("output"), options.get("pre_activation", False)).output)
    return np.asarray(target).dtype.kind in "iu" or np.ndim(target) == shape.rank


def of_first_row(references: Any, x: InputArrays, network: Network) -> Any:
    """Return the references of the first row: arrays cut to it, other forms as they are."""
    if references is None or callable(references) or (np.ndim(references) == 0 and not isinstance(references, Mapping)):
        return references
    return x.restore(normalize_references(references, x, network.graph.inputs).take(0, 1))


def named(given: Any, name: Any, what: str) -> dict[str, Any]:
    """Return things by name."""
    if isinstance(given, Mapping):
        return dict(given)
    found = {name(each): each for each in given}
    if len(found) < len(given):
        raise InputError(f"{what}: expected different ones; received {[name(each) for each in given]}. Give a dict")
    return found


def reference_name(reference: Any) -> str:
    """Return what a reference is called in a table."""
    if reference is None:
        return "zeros"
    if np.ndim(reference) == 0 and not callable(reference):
        return str(reference)
    return str(reference) if callable(reference) else f"array {np.shape(reference)}"


def agreement_of(scores: Mapping[str, Scores]) -> np.ndarray:
    """Return the mean rank correlation between every two scores."""
    maps = [flat_rows(each.contributions) for each in scores.values()]
    if len({values.shape for values in maps}) > 1:  # maps of positions among them
        maps = [per_position(values) for values in maps]
    return np.array([[float(mean_over_ordered(rank_correlation(a, b))) for b in maps] for a in maps])


def unordered(scores: Mapping[str, Scores]) -> list[str]:
    """Return which scores have rows in which all positions are alike, so that they have no order."""
    found = []
    for name, each in scores.items():
        rows = flat_rows(each.contributions)
        count = sum(not np.ptp(row) for row in rows.reshape(len(rows), -1))
        if count:
            found.append(
                f"{name}: {count} of {len(rows)} rows are constant and have no order; agreement leaves them out"
            )
    return found


def far_from_neutral(
    network: Network, x: InputArrays, label: str, references: Any, options: Mapping[str, Any]
) -> str | None:
    """Return what is to be said about the outputs of references, if anything.

    Behind a softmax all classes should be about as likely, behind a sigmoid one half; any other output should be small
    beside the outputs for x.
    """
    edge = resolve_target(network.graph, options.get("output"), False).edge
    names = [name for name, output in network.graph.outputs.items() if output == edge]
    if not names:
        return None  # an inner layer, which has no neutral value
    few = InputArrays(tuple(array[:LOOKED_AT] for array in x.arrays), x.names, x.structure)
    given = normalize_references(0.0 if references is None else references, x, network.graph.inputs)
    of_references = output_of(network, reference_rows(few, given.take(0, len(few))), names[0])
    found = as_probabilities(network, edge, of_references)
    if found is not None:
        deviation, neutral = float(np.abs(found - 1 / found.shape[-1]).max()), 1 / found.shape[-1]
        if deviation > FAR_FROM_UNIFORM:
            return (
                f"references {label}: their own output is up to {deviation:.2f} away from uniform ({neutral:.2g}), so "
                "contributions are about two predictions; dl.references.uniform_output finds one that is near"
            )
        return None
    of_x = output_of(network, x.restore(few.arrays), names[0])
    mean, scale = float(np.abs(of_references).mean()), float(np.abs(of_x).mean())
    if mean > FAR_FROM_ZERO * scale:
        return (
            f"references {label}: their own output has a mean magnitude of {mean:.2g}, that of x {scale:.2g}; "
            "contributions are about the difference, not about the output of x"
        )
    return None


def reference_rows(x: InputArrays, references: Sequence[np.ndarray]) -> Any:
    """Return references, shape (1 or N, 1 or R, ...), as rows in the structure of x."""
    lead = np.broadcast_shapes(*(array.shape[:2] for array in references), (len(x), 1))
    rows = []
    for array in references:
        rows.append(np.broadcast_to(array, (*lead, *array.shape[2:])).reshape(-1, *array.shape[2:]))
    return x.restore(rows)


def output_of(network: Network, rows: Any, name: str) -> np.ndarray:
    """Return one of the network's outputs."""
    outputs = network.predict(rows)
    return np.asarray(outputs[name] if isinstance(outputs, dict) else outputs)


def as_probabilities(network: Network, edge: Edge, values: np.ndarray) -> np.ndarray | None:
    """Return a value that a softmax or a sigmoid makes as probabilities, shape (..., classes); None for any other."""
    try:
        found = probabilities(network.graph, edge, tf.constant(values))
    except DeepLiftError:
        return None
    return None if found is None else found.numpy()
