"""The results as tables: for the terminal, and for the pages that quote them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.results import PEERS, TITLES, Line, Results

NAMES = {"basset": "Basset-like", "bpnet": "BPNet-like", "vgg": "VGG-like", "resnet50": "ResNet50"}
NAMES |= {"transformer": "transformer", "tiny": "tiny"}
HEADS = ("network", "what", "ms", "x gradient", "range", "aim", "sums miss by", "peak MB")
PEER_HEADS = (*HEADS[:5], "over ours", *HEADS[5:])
README_ROWS = ("rescale", "rescale_each", "rescale_20", "genomics_default", "reveal_cancel", "ten_targets")


def show(results: Results) -> None:
    """Print the tables."""
    from rich.console import Console
    from rich.table import Column, Table

    def column(head: str) -> Column:
        return Column(head, no_wrap=True, justify="left" if head in HEADS[:2] else "right")

    console = Console(width=150)
    for fact in results.found["facts"][:1]:
        console.print(f"{fact['processor']}, {fact['threads']} threads, {results.processes} processes")
    ours = Table(*map(column, HEADS), title="deeplift_tf")
    for line in results.lines():
        ours.add_row(*cells(line, results.memory(line.model, "tensorflow", line.thing)), style=style(line, line.ratio))
    console.print(ours)
    peers = Table(*map(column, PEER_HEADS), title="other packages")
    for line in results.peer_lines():
        peers.add_row(*peer_cells(line, memory_of_peer(results, line)))
    if peers.rows:
        console.print(peers)
    for line in results.peer_lines():
        if line.failed:
            console.print(f"{NAMES[line.model]}, {TITLES[line.thing]}, refuses: {line.failed}")
    for failed in failures(results):
        console.print(failed, style="red")


def style(line: Line, value: float) -> str:
    """Return how a line of ours is shown: red where it is wrong, yellow where it is slower than its aim."""
    if line.wrong:
        return "red"
    return "yellow" if line.aim and value > line.aim else ""


def cells(line: Line, memory: float | None) -> list[str]:
    """Return the cells of one of our lines."""
    low, high = line.spread
    aim = f"{line.aim:.2f}" if line.aim else ""
    return [
        NAMES[line.model], TITLES[line.thing], f"{line.milliseconds:.2f}", f"{line.ratio:.2f}",
        f"{low:.2f}-{high:.2f}", aim, miss(line), f"{memory:.0f}" if memory else "",
    ]  # fmt: skip


def memory_of_peer(results: Results, line: Line) -> float | None:
    """Return the peak memory of another package, where it was measured."""
    return results.memory(line.model, PEERS[line.thing], line.thing)


def peer_cells(line: Line, memory: float | None) -> list[str]:
    """Return the cells of a line of another package."""
    if line.failed:
        return [NAMES[line.model], TITLES[line.thing], "", "", "", "refuses", "", "", ""]
    made = cells(line, memory)
    return [*made[:5], f"{line.factor:.1f}" if line.factor else "", made[5], *made[6:]]


def miss(line: Line) -> str:
    """Return by how much scores miss what they have to add up to, in words where that is much."""
    if line.error is None:
        return ""
    return f"WRONG, by {100 * line.error:.1f} %" if line.wrong else f"{line.error:.0e}"


def failures(results: Results) -> Iterator[str]:
    """Return a line for each process that did not end well."""
    for task in ("time", "memory", "growth"):
        for job in results.found[task]:
            if "failed" in job:
                yield f"{task} {job['framework']} {job['model']} {job['part']}: {job['failed']}"


def markdown(results: Results) -> str:
    """Return the short table of README.md: networks as columns, multiples of gradient x input."""
    models = results.models
    heads = [f"{NAMES[name]}, {CASES[name].batch}" for name in models]
    rows = [["multiple of gradient x input", *heads]]
    for thing in README_ROWS:
        rows.append([TITLES[thing], *(ratio(results.line(model, thing)) for model in models)])
    peers = [thing for thing in PEERS if any(results.peer_line(model, thing) for model in models)]
    text = as_markdown(rows)
    if peers:
        rows = [["time for a pair, over ours", *heads]]
        rows += [[TITLES[thing], *(factor(results.peer_line(model, thing)) for model in models)] for thing in peers]
        text += "\n" + as_markdown(rows)
    return text


def ratio(line: Line | None) -> str:
    """Return a cell of README.md."""
    return f"{line.ratio:.2f}" if line and not line.wrong else "wrong" if line else ""


def factor(line: Line | None) -> str:
    """Return a cell of README.md about another package."""
    if line is None:
        return ""
    if line.failed or line.factor is None:
        return "refuses"
    return f"{line.factor:.1f}" + (", wrong" if line.wrong else "")


def whole_markdown(results: Results) -> str:
    """Return all lines, as benchmarks/README.md has them."""
    ours = [cells(line, results.memory(line.model, "tensorflow", line.thing)) for line in results.lines()]
    others = [peer_cells(line, memory_of_peer(results, line)) for line in results.peer_lines()]
    text = as_markdown([[*HEADS], *ours])
    return f"{text}\n{as_markdown([[*PEER_HEADS], *others])}" if others else text


def as_markdown(rows: list[list[str]]) -> str:
    """Return rows, of which the first are heads, as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]) + "\n"


def write_between(path: Path, mark: str, text: str) -> None:
    """Put a text between the two comments of a page that carry a mark.

    Raises
    ------
    ValueError
        When the page has no such comments.
    """
    start, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    page = path.read_text(encoding="utf-8")
    if page.count(start) != 1 or page.count(end) != 1:
        raise ValueError(f"{path}: expected one {start} and one {end}")
    before, rest = page.split(start)
    path.write_text(f"{before}{start}\n{text.strip()}\n{end}{rest.split(end)[1]}", encoding="utf-8")
