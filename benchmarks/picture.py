"""The results as one picture: ratios beside their aims, other packages, and growth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.results import Line, Results, cost
from benchmarks.rows import BRIEF, PEER_ROWS
from benchmarks.tables import GROWN, NAMES, title

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")  # Okabe and Ito: told apart by every eye
LINES = {"gradient": "#888888", "rescale": "#0072b2", "rescale_each": "#56b4e9", "reveal_cancel": "#e69f00"}
AXES = {
    "batch": ("examples in a batch", "ms for an example"),
    "length": ("length of the sequence", "ms for an example"),
    "references": ("references of one example", "ms for a pair"),
    "targets": ("targets in one call", "ms for an example and target"),
}


def draw(results: Results, path: Path) -> None:
    """Write the picture as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    grown = [*results.growth()]
    rows = 1 + len(grown)
    heights = [0.75 * len(BRIEF), *[3.2] * len(grown)]
    figure = plt.figure(figsize=(15, sum(heights)), layout="constrained")
    parts = figure.subfigures(rows, 1, height_ratios=heights, squeeze=False)[:, 0]
    left, right = parts[0].subplots(1, 2, gridspec_kw={"width_ratios": [3, 2]})
    bars(left, results, BRIEF, results.line, lambda line: line.ratio)
    left.axvline(1, color="#444444", linewidth=0.8)
    left.set(xlabel="multiple of gradient x input (ticks: aims)", title="deeplift_tf")
    bars(right, results, [*PEER_ROWS], results.peer_line, lambda line: line.factor or 0)
    right.set(xlabel="time for a pair, over ours (ticks: aims; hatched: wrong sums)", title="other packages")
    right.axvline(1, color="#444444", linewidth=0.8)
    if left.patches:
        left.legend(loc="upper right", frameon=False)
    for part, (model, found) in zip(parts[1:], grown, strict=True):
        growth(part, model, found)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def bars(
    axes: Any,
    results: Results,
    things: Sequence[str],
    line_of: Callable[[str, str], Line | None],
    value: Callable[[Line], float],
) -> None:
    """Draw a bar for each thing and network, from top to bottom."""
    models = results.compared
    height = 0.8 / max(1, len(models))
    for place, model in enumerate(models):
        label = f"{NAMES[model]}, batch {CASES[model].batch}"
        for row, thing in enumerate(things):
            line, y = line_of(model, thing), row + (place - (len(models) - 1) / 2) * height
            if line is None:
                continue
            hatch = "////" if line.wrong else None
            width = value(line)
            axes.barh(y, width, 0.9 * height, color=COLOURS[place], label=label, hatch=hatch, edgecolor="white")
            if line.aim:
                axes.plot([line.aim] * 2, [y - height / 2, y + height / 2], color="black", linewidth=1.6)
            text, end = " refuses" if line.failed else f"  {width:.2f}", width
            if line.aim and width < line.aim < 1.15 * width:
                end = line.aim
            axes.text(end, y, text, va="center", fontsize=7)
            label = "_"
    axes.set_yticks(range(len(things)), [title(thing).replace(", ", ",\n", 1) for thing in things], fontsize=8)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)


def growth(figure: Any, model: str, found: Mapping[str, Any]) -> None:
    """Draw how cost grows along each axis that was measured."""
    names = [name for name in AXES if name in found]
    figure.suptitle(f"{NAMES[model]}: how cost grows", fontsize=11)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        counts = [point["count"] for point in found[name]]
        for thing in found[name][0]["things"]:
            values = [cost(name, point, thing) for point in found[name]]
            axes.plot(counts, values, marker="o", markersize=4, color=LINES[thing], label=GROWN[thing])
        axes.set(xlabel=AXES[name][0], ylabel=AXES[name][1], ylim=(0, None))
        axes.set_xticks(counts if name != "length" else counts[1:])
        axes.spines[["top", "right"]].set_visible(False)
        if len(found[name][0]["things"]) > 1:
            axes.legend(frameon=False, fontsize=7)
