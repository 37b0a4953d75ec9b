"""The results on a terminal: red where scores are wrong, yellow where an aim is missed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table

from benchmarks import tables
from benchmarks.results import Line, Results


def show(results: Results) -> None:
    """Print the tables."""
    console = Console(width=150, highlight=False)
    console.print(tables.measured_on(results))
    ours, peers = list(results.lines()), list(results.peer_lines())
    if ours:
        console.print(table("deeplift_tf", tables.our_rows(results), [colour(line, missed_aim(line)) for line in ours]))
    if peers:
        console.print(table("other packages", tables.peer_rows(results), [colour(line, less(line)) for line in peers]))
    plain = {f"{tables.NAMES[model]}: milliseconds": tables.growth_rows(found) for model, found in results.growth()}
    plain["more architectures: multiples of gradient x input"] = tables.architecture_rows(results)
    plain["the floor: milliseconds"] = tables.floor_rows(results)
    plain["where the time goes: milliseconds"] = tables.spent_rows(results)
    plain["what is held"] = tables.held_rows(results)
    for title, rows in plain.items():
        if rows[1:]:
            console.print(table(title, rows, [""] * len(rows[1:])))
    for refusal in tables.refusals(results):
        console.print(refusal, style="red")


def missed_aim(line: Line) -> bool:
    """Whether a line of ours is slower than it should be."""
    return line.aim is not None and line.ratio > line.aim


def less(line: Line) -> bool:
    """Whether another package takes less of a multiple of our time than it should."""
    return line.aim is not None and line.factor is not None and line.factor < line.aim


def colour(line: Line, aim_is_missed: bool) -> str:
    """Return the colour of a line."""
    return "red" if line.wrong else "yellow" if aim_is_missed else ""


def table(title: str, rows: Sequence[Sequence[str]], styles: Sequence[str]) -> Table:
    """Return rows, of which the first are heads, as a table."""
    columns = [Column(head, no_wrap=True, justify="left" if i < 2 else "right") for i, head in enumerate(rows[0])]
    made = Table(*columns, title=title)
    for row, style in zip(rows[1:], styles, strict=True):
        made.add_row(*row, style=style)
    return made
