"""The results as rows of text, for the terminal and for pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.cases import CASES
from benchmarks.gathering import TASKS
from benchmarks.results import Line, Results, cost
from benchmarks.rows import ARCHITECTURES, PEER_ROWS, ROWS

NAMES = {"basset": "Basset-like", "bpnet": "BPNet-like", "vgg": "VGG-like", "resnet50": "ResNet50"}
NAMES |= {"transformer": "transformer", "tiny": "tiny", "efficientnetb0": "EfficientNetB0"}
NAMES |= {"mobilenetv2": "MobileNetV2", "mobilenetv3small": "MobileNetV3Small", "densenet121": "DenseNet121"}
NAMES |= {"xception": "Xception", "inceptionv3": "InceptionV3", "vgg16": "VGG16", "convnexttiny": "ConvNeXtTiny"}
NAMES |= {"unet": "U-Net", "lstm": "LSTM", "danq": "DanQ", "enformer": "Enformer-like", "chrombpnet": "chrombpnet"}
NAMES |= {"mlp": "MLP"}
HEADS = ["network", "what", "ms", "x gradient", "range", "aim", "sums miss by", "peak MB"]
FLOOR_HEADS = ["network", "F", "B", "F of the reference", "floor", "Rescale, shared", "over the floor", "range"]
SPENT_HEADS = ["network", "products forward", "back", "all", "the rest"]
HELD_HEADS = ["network", "values of all layers, MB", "held by Rescale, shared", "by gradient x input"]
GROUPS = {  # what the layers of a module do
    "kinds": "slopes",
    "pooling": "pooling",
    "merging": "sums",
    "reshaping": "cropping and reshaping",
    "norms": "layer normalisation",
    "normalization": "scales",
    "softmax": "softmax",
    "between": "start and end",
}
PEER_HEADS = [*HEADS[:5], "over ours", *HEADS[5:]]
GROWN = {
    "gradient": "gradient x input",
    "rescale": "Rescale, shared",
    "rescale_each": "Rescale, one each",
    "reveal_cancel": "RevealCancel, shared",
}
UNITS = {"batch": "example", "length": "example", "references": "pair", "targets": "example and target"}


def our_rows(results: Results) -> list[list[str]]:
    """Return our lines under their heads."""
    return [HEADS, *(cells(line, results.memory(line.model, "tensorflow", line.thing)) for line in results.lines())]


def architecture_rows(results: Results) -> list[list[str]]:
    """Return the other networks, a line each: multiples of gradient x input, and the first calls in seconds.

    First calls are those of the Keras model's gradient, of Rescale and of RevealCancel, tracing included.
    """
    heads = [ROWS[thing].title for thing in ARCHITECTURES[1:]]
    rows = [["network, examples", "gradient x input, ms", *heads, "first calls, s"]]
    for model in sorted(set(results.models) - set(results.compared), key=results.models.index):
        lines = {thing: results.line(model, thing) for thing in ARCHITECTURES}
        gradient = lines["gradient"]
        cells = ["" if line is None else "wrong" if line.wrong else f"{line.ratio:.2f}" for line in lines.values()]
        first = [results.first(model, thing) for thing in ("gradient", "rescale", "reveal_cancel")]
        size = f"{NAMES[model]}, {CASES[model].batch}"
        milliseconds = "" if gradient is None else f"{gradient.milliseconds:.1f}"
        seconds = ", ".join("" if each is None else f"{each:.1f}" for each in first)
        rows.append([size, milliseconds, *cells[1:], seconds])
    return rows


def peer_rows(results: Results) -> list[list[str]]:
    """Return the lines of other packages under their heads; heads alone where there are none."""
    rows = [PEER_HEADS]
    for line in results.peer_lines():
        rows.append(peer_cells(line, results.memory(line.model, PEER_ROWS[line.thing].framework, line.thing)))
    return rows


def floor_rows(results: Results) -> list[list[str]]:
    """Return the floor of each network under heads, milliseconds for an example; heads alone where there is none."""
    rows = [FLOOR_HEADS]
    for each in results.floors():
        times = (each.forward, each.back, each.reference, each.floor, each.rescale)
        low, high = each.spread
        rows.append([NAMES[each.model], *map("{:.2f}".format, (*times, each.ratio)), f"{low:.2f}-{high:.2f}"])
    return rows


def spent_rows(results: Results) -> list[list[str]]:
    """Return the milliseconds of products, pass by pass, and of the rest, under heads."""
    rows = [SPENT_HEADS]
    for each in results.floors():
        if each.spent:
            products = [each.spent.get(f"products, {way}", 0.0) for way in ("forward", "backward")]
            times = map("{:.2f}".format, (*products, sum(each.spent.values())))
            rows.append([NAMES[each.model], *times, ", ".join(the_rest(each.spent))])
    return rows


def held_rows(results: Results) -> list[list[str]]:
    """Return what a call holds at most, beside the values that it makes, under heads."""
    rows = [HELD_HEADS]
    for each in results.floors():
        if each.held:
            sizes = (each.values, each.held["rescale"], each.held["gradient"])
            rows.append([NAMES[each.model], *map("{:.0f}".format, sizes)])
    return rows


def the_rest(spent: Mapping[str, float]) -> Iterator[str]:
    """Return the groups that are no products, the largest first, down to a hundredth of all."""
    groups: defaultdict[str, float] = defaultdict(float)
    for name, time in spent.items():
        module = name.split(", ")[0]
        if module != "products":
            groups[GROUPS.get(module, module)] += time
    largest = sorted(groups.items(), key=lambda group: -group[1])
    least = 0.01 * sum(spent.values())
    return (f"{name} {time:.2f}" for name, time in largest if time >= least)


def growth_rows(found: dict[str, Any]) -> list[list[str]]:
    """Return how cost grows along each axis under heads: milliseconds for an example, a pair, or a target of one."""
    rows = [["for one", "with", *GROWN.values()]]
    for axis, points in found.items():
        for point in points:
            costs = (f"{cost(axis, point, thing):.2f}" if thing in point["things"] else "" for thing in GROWN)
            rows.append([UNITS[axis], f"{axis} {point['count']}", *costs])
    return rows


def title(thing: str) -> str:
    """Return what the row of a thing is called."""
    row = ROWS.get(thing) or PEER_ROWS.get(thing)
    return row.title if row else thing


def cells(line: Line, memory: float | None) -> list[str]:
    """Return the cells of one of our lines."""
    low, high = line.spread
    return [
        NAMES[line.model],
        title(line.thing),
        f"{line.milliseconds:.2f}",
        f"{line.ratio:.2f}",
        f"{low:.2f}-{high:.2f}",
        f"{line.aim:.2f}" if line.aim else "",
        miss(line),
        f"{memory:.0f}" if memory else "",
    ]


def peer_cells(line: Line, memory: float | None) -> list[str]:
    """Return the cells of a line of another package."""
    if line.failed:
        return [NAMES[line.model], title(line.thing), "", "", "", "refuses", "", "", ""]
    made = cells(line, memory)
    return [*made[:5], f"{line.factor:.1f}" if line.factor else "", *made[5:]]


def miss(line: Line) -> str:
    """Return by how much scores miss what they have to add up to, in words where that is much."""
    if line.error is None:
        return ""
    return f"WRONG, by {100 * line.error:.1f} %" if line.wrong else f"{line.error:.0e}"


def refusals(results: Results) -> Iterator[str]:
    """Return a line for each thing that raised, and for each process that did not end well."""
    said: dict[tuple[str, str], str] = {}
    for job in results.found["time"]:
        for thing, found in job.get("found", {}).items():
            if "failed" in found:
                said[job["model"], thing] = f"{NAMES[job['model']]}, {title(thing)}, refuses: {found['failed']}"
    yield from said.values()
    for task in TASKS:
        for job in results.found.get(task, ()):
            if "failed" in job and (job["model"], job["part"]) not in said:
                yield f"{task} {job['framework']} {job['model']} {job['part']} failed: {job['failed']}"


def measured_on(results: Results) -> str:
    """Return a sentence about the machine."""
    versions: dict[str, str] = {}
    for fact in results.found["facts"]:
        versions |= fact["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    where = {f"{fact['processor']}, {fact['threads']} threads": None for fact in results.found["facts"]}
    ours, others = results.processes(), max(results.processes("torch"), results.processes("shap"))
    spoken = repeated(ours) if others in (0, ours) else f"{repeated(ours)}; other packages {repeated(others)}"
    return f"Measured on {' and '.join(where)}; {packages}; {spoken}."


def repeated(processes: int) -> str:
    """Say how often something was measured."""
    return f"medians of {processes} processes" if processes > 1 else "in one process, so roughly"
