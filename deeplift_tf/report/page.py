"""The report page: arguments of the run, layers of the model, deltas, and the examples with the largest differences."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from deeplift_tf.io.scores_file import ScoresFile
from deeplift_tf.printable import printable
from deeplift_tf.report.pictures import SCALES, contents_of, histogram

Advance = Callable[[int], None]

COLUMNS = ("row", "output", "reference output", "difference", "delta")


def write_report(
    path: Path,
    files: ScoresFile | Sequence[ScoresFile],
    layers: Sequence[Sequence[Any]] = (),
    most: int = 20,
    words: Sequence[str] = (),
    advance: Advance = lambda count: None,
) -> None:
    """Write a page that needs nothing besides itself.

    Parameters
    ----------
    path : Path
        Ending in .html.
    files : ScoresFile or sequence of ScoresFile
        The scores of one target, or of several of the same run, each under a tab.
    layers : sequence of rows of a network's table, optional
        Name, Keras class, kind, rule, output shape, and whether exact.
    most : int
        How many examples are shown of each: those whose outputs differ most from their reference outputs.
    words : sequence of str, optional
        What the tokens stand for, where those were scored.
    advance : callable, optional
        Is told how many examples are drawn more.
    """
    each = [files] if isinstance(files, ScoresFile) else list(files)
    file, *_ = each
    page = Template(resources.files("deeplift_tf.report").joinpath("page.html").read_text(encoding="utf-8"))
    text = page.substitute(
        title=html.escape(file.path.name),
        summary=summary(each),
        arguments=table(("argument", "value"), sorted(plain(file.metadata.get("arguments", {})).items()), "arguments"),
        versions=table(("package", "version"), sorted(plain(file.metadata.get("versions", {})).items()), "versions"),
        layers=layer_table(layers),
        tabs=tabs([one.name for one in each]),
        panels="".join(panel(index, one, len(each) > 1, most, words, advance) for index, one in enumerate(each)),
        scales="".join(f'<option value="{index}">{html.escape(name)}</option>' for index, name in enumerate(SCALES)),
    )
    path.write_text(printable(text, keep="\n\t"), encoding="utf-8", newline="\n")


def tabs(names: Sequence[str]) -> str:
    """Return the tabs that choose among several targets; nothing for one."""
    if len(names) == 1:
        return ""
    buttons = "".join(
        f'<button type="button" role="tab" id="tab-{index}" aria-controls="scores-{index}" '
        f'aria-selected="{str(not index).lower()}" tabindex="{-1 if index else 0}">{html.escape(name)}</button>'
        for index, name in enumerate(names)
    )
    return f'<div role="tablist" aria-label="targets">{buttons}</div>'


def panel(index: int, file: ScoresFile, several: bool, most: int, words: Sequence[str], advance: Advance) -> str:
    """Return the examples of one target, and the distribution of their delta."""
    values = {name: everything(file, name) for name in ("outputs", "reference_outputs", "delta")}
    rows = largest(values, file.count, most)
    role = f' role="tabpanel" aria-labelledby="tab-{index}"' if several else ""
    of = f", {html.escape(file.name)}" if file.name else ""
    return (
        f'<section id="scores-{index}"{role}{" hidden" if index else ""}>'
        f"<h2>Examples with the largest difference from their reference{of}</h2>"
        f"{examples(file, rows, values, words, advance)}"
        f"<h2>Sum-to-delta error{of}</h2>{deltas(of_scored(values))}</section>"
    )


def everything(file: ScoresFile, name: str) -> np.ndarray | None:
    """Return a whole array of numbers, one for each row, or None."""
    array = file.array(name)
    return None if array is None else np.asarray(array[slice(0, file.count)], np.float64)


def largest(values: dict[str, np.ndarray | None], count: int, most: int) -> list[int]:
    """Return the rows whose outputs differ most from their references, the largest first; not those skipped."""
    outputs, references = values["outputs"], values["reference_outputs"]
    if outputs is None:
        return list(range(min(count, most)))
    difference = np.abs(outputs if references is None else outputs - references)
    order = np.argsort(-difference, kind="stable")
    return [int(row) for row in order if not np.isnan(difference[row])][:most]


def of_scored(values: dict[str, np.ndarray | None]) -> np.ndarray | None:
    """Return the delta of the rows that were not skipped."""
    delta, outputs = values["delta"], values["outputs"]
    return delta if delta is None or outputs is None else delta[~np.isnan(outputs)]


def plain(arguments: dict[str, Any]) -> dict[str, str]:
    """Return values as text; what was not given is left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in arguments.items()
        if value not in (None, [], False, "")
    }


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], name: str) -> str:
    """Return a table that can be sorted by its columns."""
    titles = "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{html.escape(title)}</button></th>' for title in head
    )
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<table class="sortable" aria-label="{html.escape(name)}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )


def summary(files: Sequence[ScoresFile]) -> str:
    """Return the figures of the run in one sentence."""
    file, *_ = files
    shape = " × ".join(map(str, file.contributions.shape[1:])) or "one number"
    names = ", ".join(each.name for each in files if each.name)
    text = f"{file.count} rows of {shape}" + (f", {names}" if names else "")
    found = [delta for each in files if (delta := delta_of(each)) is not None and len(delta)]
    if found:
        text += f"; largest sum-to-delta error {max(np.abs(delta).max() for delta in found):.2g}"
    return html.escape(text)


def delta_of(file: ScoresFile) -> np.ndarray | None:
    """Return the delta of the rows that were not skipped."""
    return of_scored({name: everything(file, name) for name in ("outputs", "delta")})


def layer_table(layers: Sequence[Sequence[Any]]) -> str:
    """Return the table of layers, or why there is none."""
    if not layers:
        return "<p>The model file does not lie beside the scores; give it with -m.</p>"
    rows = [(*row[:4], row[4], "exact" if row[5] else "approximate") for row in layers]
    return table(("layer", "Keras class", "kind", "rule", "output shape", "exactness"), rows, "layers of the model")


def deltas(delta: np.ndarray | None) -> str:
    """Return the distribution of the sum-to-delta error as a picture and in words."""
    if delta is None or not len(delta):
        return (
            "<p>These scores have no delta: the rule has no reference, or the scored layers do not cut every path.</p>"
        )
    quantiles = ", ".join(f"{level} %: {np.percentile(np.abs(delta), level):.2g}" for level in (50, 90, 99, 100))
    words = f"Magnitude of delta, by the share of rows that stay below it: {quantiles}."
    words += " The delta of a row is that of the worst of its references: means over them mostly sum more closely."
    return f'<img alt="{html.escape("Histogram of delta. " + words)}" src="{histogram(delta)}"><p>{words}</p>'


def examples(
    file: ScoresFile,
    rows: Sequence[int],
    values: dict[str, np.ndarray | None],
    words: Sequence[str] = (),
    advance: Advance = lambda count: None,
) -> str:
    """Return a table of examples, each with its picture in every colour scale, or its coloured words, below it."""
    figures = [figures_of(row, values) for row in rows]
    said = [
        f"Contributions of {file.row_name(row)}" + ("" if figure[2] is None else f", which sum to {figure[2]:.3g}")
        for row, figure in zip(rows, figures, strict=True)
    ]
    named, classes = file.names_of_rows is not None, [file.class_name(row) for row in rows]
    classed = any(each is not None for each in classes)
    bodies = []
    for row, class_name, figure, content in zip(
        rows, classes, figures, contents_of(file, rows, said, words), strict=True
    ):
        cells = [str(row), *([file.row_name(row)] if named else []), *([class_name or ""] if classed else [])]
        cells += ["" if each is None else f"{each:.4g}" for each in figure[:3]]
        cells.append("" if figure[3] is None else f"{figure[3]:.1e}")
        difference = "" if figure[2] is None else f' data-difference="{figure[2]!r}"'
        written = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        below = f'<tr><td colspan="{len(cells)}">{content}</td></tr>'
        bodies.append(f"<tbody{difference}><tr>{written}</tr>{below}</tbody>")
        advance(1)
    names = [COLUMNS[0], *(["name"] if named else []), *(["class"] if classed else []), *COLUMNS[1:]]
    titles = "".join(f'<th scope="col" aria-sort="none"><button type="button">{name}</button></th>' for name in names)
    label = html.escape(f"examples, {file.name}" if file.name else "examples")
    return (
        f'<table class="sortable examples" aria-label="{label}"><thead><tr>{titles}</tr></thead>'
        f"{''.join(bodies)}</table>"
    )


def figures_of(row: int, values: dict[str, np.ndarray | None]) -> tuple[float | None, ...]:
    """Return output, reference output, difference and delta of a row, None for what there is not."""
    output, reference, delta = (None if each is None else float(each[row]) for each in values.values())
    return output, reference, None if output is None or reference is None else output - reference, delta
