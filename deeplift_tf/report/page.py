"""The report page: arguments of the run, layers of the model, deltas, and the examples with the largest differences."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from deeplift_tf.io.scores_file import ScoresFile
from deeplift_tf.printable import printable
from deeplift_tf.report.pictures import SCALES, contents_of, histogram

COLUMNS = ("row", "output", "reference output", "difference", "delta")


def write_report(
    path: Path,
    file: ScoresFile,
    layers: Sequence[Sequence[Any]] = (),
    most: int = 20,
    words: Sequence[str] = (),
) -> None:
    """Write a page that needs nothing besides itself.

    Parameters
    ----------
    path : Path
        Ending in .html.
    file : ScoresFile
    layers : sequence of rows of a network's table, optional
        Name, Keras class, kind, rule, output shape, and whether exact.
    most : int
        How many examples are shown: those whose outputs differ most from their reference outputs.
    words : sequence of str, optional
        What the tokens stand for, where those were scored.
    """
    values = {name: everything(file, name) for name in ("outputs", "reference_outputs", "delta")}
    rows = largest(values, file.count, most)
    page = Template(resources.files("deeplift_tf.report").joinpath("page.html").read_text(encoding="utf-8"))
    text = page.substitute(
        title=html.escape(file.path.name),
        summary=summary(file, values),
        arguments=table(("argument", "value"), sorted(plain(file.metadata.get("arguments", {})).items()), "arguments"),
        versions=table(("package", "version"), sorted(plain(file.metadata.get("versions", {})).items()), "versions"),
        layers=layer_table(layers),
        delta=deltas(of_scored(values)),
        examples=examples(file, rows, values, words),
        scales="".join(f'<option value="{index}">{html.escape(name)}</option>' for index, name in enumerate(SCALES)),
    )
    path.write_text(printable(text, keep="\n\t"), encoding="utf-8", newline="\n")


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


def summary(file: ScoresFile, values: dict[str, np.ndarray | None]) -> str:
    """Return the figures of the run in one sentence."""
    shape = " × ".join(map(str, file.contributions.shape[1:])) or "one number"
    text = f"{file.count} rows of {shape}" + (f", {file.name}" if file.name else "")
    delta = of_scored(values)
    if delta is not None and len(delta):
        text += f"; largest sum-to-delta error {np.abs(delta).max():.2g}"
    return html.escape(text)


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
    return f'<img alt="{html.escape("Histogram of delta. " + words)}" src="{histogram(delta)}"><p>{words}</p>'


def examples(
    file: ScoresFile, rows: Sequence[int], values: dict[str, np.ndarray | None], words: Sequence[str] = ()
) -> str:
    """Return a table of examples, each with its picture in every colour scale, or its coloured words."""
    figures = [figures_of(row, values) for row in rows]
    said = [
        f"Contributions of {file.row_name(row)}" + ("" if figure[2] is None else f", which sum to {figure[2]:.3g}")
        for row, figure in zip(rows, figures, strict=True)
    ]
    named, classes = file.names_of_rows is not None, [file.class_name(row) for row in rows]
    classed = any(each is not None for each in classes)
    lines = []
    for row, class_name, figure, content in zip(
        rows, classes, figures, contents_of(file, rows, said, words), strict=True
    ):
        cells = [str(row), *([file.row_name(row)] if named else []), *([class_name or ""] if classed else [])]
        cells += ["" if each is None else f"{each:.4g}" for each in figure[:3]]
        cells.append("" if figure[3] is None else f"{figure[3]:.1e}")
        difference = "" if figure[2] is None else f' data-difference="{figure[2]!r}"'
        written = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr{difference}>{written}<td>{content}</td></tr>")
    names = [COLUMNS[0], *(["name"] if named else []), *(["class"] if classed else []), *COLUMNS[1:]]
    titles = "".join(f'<th scope="col" aria-sort="none"><button type="button">{name}</button></th>' for name in names)
    titles += '<th scope="col">contributions</th>'
    return (
        f'<table class="sortable" id="examples" aria-label="examples"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def figures_of(row: int, values: dict[str, np.ndarray | None]) -> tuple[float | None, ...]:
    """Return output, reference output, difference and delta of a row, None for what there is not."""
    output, reference, delta = (None if each is None else float(each[row]) for each in values.values())
    return output, reference, None if output is None or reference is None else output - reference, delta
