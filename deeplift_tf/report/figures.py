"""Figures of rows in a file of scores: heat maps, logos, words or bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from deeplift_tf import plots
from deeplift_tf.errors import InputError
from deeplift_tf.io.scores_file import ScoresFile, take
from deeplift_tf.plots.annotations import Annotation
from deeplift_tf.plots.figure import panels
from deeplift_tf.report.parts import Part, annotations_of, place_of
from deeplift_tf.report.sentences import sentence, titles
from deeplift_tf.sequences.letters import from_the_end, positions_axis

REFERENCE = "reference_sequences"
"""The array that scores of variants have, and others have not."""


class Drawing(NamedTuple):
    """How rows are drawn.

    Attributes
    ----------
    kind : str
        "heatmap", "scaled", "logo", "map", "variant", "text" or "bars".
    maps : mapping
        Arguments of `deeplift_tf.plots.heatmap`.
    spans : sequence of (start, end)
        Highlighted in logos.
    hypothetical : bool
        Below each logo one of the hypothetical contributions.
    words : sequence of str
        What the tokens stand for.
    part : Part
        That of each sequence that is drawn.
    annotations : sequence of mapping of chromosome to spans
        Drawn below logos.
    advance : callable
        Is told how many rows are drawn more.
    """

    kind: str
    maps: Mapping[str, Any] = {}
    spans: Sequence[tuple[int, int]] = ()
    hypothetical: bool = False
    words: Sequence[str] = ()
    part: Part = Part()
    annotations: Sequence[dict[str, list[Annotation]]] = ()
    advance: Callable[[int], None] = lambda count: None

    def figure(self, files: Sequence[ScoresFile], rows: Sequence[int]) -> Any:
        """Return a figure of some rows; logos show the scores of several files under one another."""
        draws = {
            "heatmap": heatmaps,
            "scaled": scaled,
            "logo": logos,
            "map": letter_maps,
            "variant": variants,
            "text": texts,
            "bars": bars,
        }
        draw = draws[self.kind]
        return draw(files, rows, self)


def kind_of(file: ScoresFile) -> str:
    """Return how the scores of a file are drawn."""
    shape = file.contributions.shape
    if has_tokens(file):
        return "bars"
    axis = from_the_end(file.letters_axis, len(shape))
    is_line = len(shape) == 3 or (file.letters_axis != -1 and positions_axis(shape, axis) != 0)
    if len(shape) > 2 and is_line and shape[axis] == len(file.alphabet):
        if REFERENCE in file.arrays:
            return "variant"
        method = str(file.metadata.get("arguments", {}).get("method")).replace("-", "_")
        of_mutations = method == "in_silico_mutagenesis" and file.array("hypothetical") is not None
        return "map" if of_mutations else "logo"
    return "heatmap" if len(shape) in (3, 4) else "bars"


def has_tokens(file: ScoresFile) -> bool:
    """Whether what was scored are tokens or categories, each of which has contributions of its own, (N, ..., width)."""
    return file.x is not None and tuple(file.x.shape) == tuple(file.contributions.shape[:-1])


def features_of(file: ScoresFile, rows: Sequence[int]) -> np.ndarray:
    """Return what bars are drawn of, for each row: the contributions, of tokens the sum over the width."""
    found = take(file.contributions, rows)
    return found.sum(-1) if has_tokens(file) else found


def heatmaps(files: Sequence[ScoresFile], rows: Sequence[int], drawing: Drawing) -> Any:
    """Return heat maps, each beside its image where that is known."""
    (file,) = files
    images = None if file.x is None else list(take(file.x, rows))
    maps, names = list(take(file.contributions, rows)), titles(file, rows, "\n")
    return plots.heatmap(maps, images, beside=images is not None, titles=names, columns=3, **drawing.maps)[0]


def scaled(files: Sequence[ScoresFile], rows: Sequence[int], drawing: Drawing) -> Any:
    """Return images whose pixels are as bright as their scores are large."""
    (file,) = files
    if file.x is None:
        raise InputError(f"{file.path}: the images that were scored are not where they were; give them with -i")
    fig, axes = panels(len(rows), 5, (2.2, 2.3))
    chosen = {name: drawing.maps[name] for name in ("channels", "percentile") if name in drawing.maps}
    contributions, images = take(file.contributions, rows), take(file.x, rows)
    for ax, scores, image, title in zip(axes, contributions, images, titles(file, rows, "\n"), strict=True):
        plots.scaled_image(scores, image, title=title, ax=ax, **chosen)
    return fig


def logos(files: Sequence[ScoresFile], rows: Sequence[int], drawing: Drawing) -> Any:
    """Return logos of sequences under one another, for each the tracks of all files."""
    each = [tracks(files, row, drawing.hypothetical) for row in rows]
    parts = [drawing.part.of(next(iter(found.values()))) for found in each]
    count = len(each[0])
    fig, axes = panels(count * len(rows), 1, (width_of(parts), 1.7))
    names = titles(files[0], rows) if len(files) == 1 else [files[0].row_name(row) for row in rows]
    for index, (row, found, (start, end), title) in enumerate(zip(rows, each, parts, names, strict=True)):
        length = len(next(iter(found.values())))
        plots.logo(
            found,
            start=start,
            end=end,
            highlight=drawing.spans,
            annotations=annotations_of(drawing.annotations, files[0], row, length),
            place=place_of(files[0].row_name(row), length),
            alphabet=files[0].alphabet,
            title=title,
            ax=axes[count * index : count * (index + 1)],
        )
        drawing.advance(1)
    return fig


def width_of(parts: Sequence[tuple[int, int]]) -> float:
    """Return the width of logos of these parts, inches."""
    return min(max(0.16 * max(end - start for start, end in parts), 4.0), 22.0)


def letter_maps(files: Sequence[ScoresFile], rows: Sequence[int], drawing: Drawing) -> Any:
    """Return the logo of each sequence above the map of what each other letter would change."""
    (file,) = files
    below = file.array("hypothetical")
    if below is None or file.x is None:
        raise InputError(
            f"{file.path}: a map of mutations needs hypothetical contributions and the sequences; score with "
            "--hypothetical, and give the sequences with -i"
        )
    effects, x = file.sequence_rows(below, rows), file.sequence_rows(file.x, rows)
    scores = file.sequence_rows(file.contributions, rows)
    parts = [drawing.part.of(each) for each in scores]
    fig, axes = panels(2 * len(rows), 1, (width_of(parts), 1.7))
    for index, (row, (start, end), title) in enumerate(zip(rows, parts, titles(file, rows), strict=True)):
        place = place_of(file.row_name(row), scores.shape[1])
        shared: dict[str, Any] = {"start": start, "end": end, "place": place, "alphabet": file.alphabet}
        known = annotations_of(drawing.annotations, file, row, scores.shape[1])
        above, map_ = axes[2 * index : 2 * index + 2]
        plots.logo(scores[index], x[index], highlight=drawing.spans, annotations=known, title=title, ax=above, **shared)
        plots.letter_map(effects[index], x[index], ax=map_, **shared)
        above.set_xlabel("")  # the positions are those of the map below
        above.tick_params(labelbottom=False)
        drawing.advance(1)
    return fig


def variants(files: Sequence[ScoresFile], rows: Sequence[int], drawing: Drawing) -> Any:
    """Return the pictures of variants under one another: both alleles, and the difference."""
    (file,) = files
    if REFERENCE not in file.arrays:
        raise InputError(f"{file.path}: expected scores of variants, as `deeplift-tf score --variants` writes them")
    fig, axes = panels(3 * len(rows), 1, (11.0, 1.7))
    each = {name: file.array(f"alleles/{name}") for name in ("reference", "alternative")}
    for index, (row, title) in enumerate(zip(rows, titles(file, rows), strict=True)):
        before, after = (take(file.arrays[name], [row])[0] for name in (REFERENCE, "sequences"))
        alone = [take(array, [row])[0] for array in each.values() if array is not None]
        scores, panel = take(file.contributions, [row])[0], axes[3 * index : 3 * index + 3]
        plots.variant(before, after, scores, alone or None, alphabet=file.alphabet, title=title, ax=panel)
        drawing.advance(1)
    return fig


def tracks(files: Sequence[ScoresFile], row: int, hypothetical: bool) -> dict[str, np.ndarray]:
    """Return the heights of letters in each track of a sequence."""
    found = {}
    for file in files:
        name = file.name if len(files) > 1 else "contribution"
        (contributions,) = file.sequence_rows(file.contributions, [row])
        found[name] = contributions
        if file.x is not None:
            found[name] = contributions.sum(-1, keepdims=True) * file.sequence_rows(file.x, [row])[0]
        below = file.array("hypothetical") if hypothetical else None
        if below is not None:
            label = "hypothetical" if len(files) == 1 else f"{name},\nhypothetical"
            found[label] = file.sequence_rows(below, [row])[0]
    return found


def texts(files: Sequence[ScoresFile], rows: Sequence[int], drawing: Drawing) -> Any:
    """Return sentences under one another, on one scale of colours."""
    (file,) = files
    sentences = [sentence(file, row, drawing.words) for row in rows]
    vmax = plots.scale_of([scores for _, scores in sentences], 100)
    lines = max(1, max(sum(len(word) + 2 for word in words) for words, _ in sentences) // 75 + 1)
    fig, axes = panels(len(rows), 1, (7.5, 0.6 + 0.4 * lines))
    for ax, (words, scores), title in zip(axes, sentences, titles(file, rows), strict=True):
        plots.text(words, scores, vmax=vmax, title=title, ax=ax)
    return fig


def bars(files: Sequence[ScoresFile], rows: Sequence[int], drawing: Drawing) -> Any:
    """Return bars, the largest first."""
    (file,) = files
    fig, axes = panels(len(rows), 3, (4.5, 4.5))
    for ax, scores, title in zip(axes, features_of(file, rows), titles(file, rows), strict=True):
        plots.bars(scores, title=title, ax=ax)
    return fig
