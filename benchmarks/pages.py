"""The results as Markdown, put into the pages that quote them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import tables
from benchmarks.cases import CASES
from benchmarks.results import Line, Results
from benchmarks.rows import BRIEF, PEER_ROWS, ROWS


def short(results: Results) -> str:
    """Return the tables of README.md, with networks as columns."""
    models = results.compared
    heads = [f"{tables.NAMES[name]}, {CASES[name].batch}" for name in models]
    rows = [["multiple of gradient x input", *heads]]
    rows += [[ROWS[thing].title, *(ratio(results.line(model, thing)) for model in models)] for thing in BRIEF]
    parts = [as_markdown(rows)]
    peers = [thing for thing in PEER_ROWS if any(results.peer_line(model, thing) for model in models)]
    if peers:
        rows = [["time for a pair, over ours", *heads]]
        rows += [
            [PEER_ROWS[thing].title, *(factor(results.peer_line(model, thing)) for model in models)] for thing in peers
        ]
        parts.append(as_markdown(rows))
    return "\n".join([*parts, tables.measured_on(results)])


def whole(results: Results) -> str:
    """Return all tables, as benchmarks/README.md has them."""
    parts = [tables.measured_on(results) + "\n", as_markdown(tables.our_rows(results))]
    if len(tables.peer_rows(results)) > 1:
        parts.append(as_markdown(tables.peer_rows(results)))
    parts += [f"{line}\n" for line in tables.refusals(results)]
    for model, found in results.growth():
        parts += [f"{tables.NAMES[model]}, milliseconds:\n", as_markdown(tables.growth_rows(found))]
    return "\n".join(parts)


def architectures(results: Results) -> str:
    """Return the table of networks that are not compared with other packages."""
    return as_markdown(tables.architecture_rows(results)) + "\n" + tables.measured_on(results)


def floor(results: Results) -> str:
    """Return the tables of the floor, and of where the time and the memory go."""
    return "\n".join(as_markdown(rows(results)) for rows in (tables.floor_rows, tables.spent_rows, tables.held_rows))


def ratio(line: Line | None) -> str:
    """Return a cell about this package."""
    return f"{line.ratio:.2f}" if line and not line.wrong else "wrong" if line else ""


def factor(line: Line | None) -> str:
    """Return a cell about another package."""
    if line is None:
        return ""
    if line.failed or line.factor is None:
        return "refuses"
    return f"{line.factor:.1f}" + (", wrong" if line.wrong else "")


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
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
    path.write_text(f"{before}{start}\n\n{text.strip()}\n\n{end}{rest.split(end)[1]}", encoding="utf-8")
