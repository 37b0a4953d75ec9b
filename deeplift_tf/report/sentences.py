"""Scored tokens as words, and names of rows."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deeplift_tf import plots
from deeplift_tf.errors import InputError
from deeplift_tf.io.scores_file import ScoresFile, take
from deeplift_tf.printable import printable


def titles(file: ScoresFile, rows: Sequence[int], between: str = ": ") -> list[str]:
    """Return a title for each row: its name, its class where each row has its own, and its difference in output."""
    outputs, references = file.rows("outputs", rows), file.rows("reference_outputs", rows)
    names = [", ".join(filter(None, [file.row_name(row), file.class_name(row)])) for row in rows]
    if outputs is None or references is None:
        return names
    differences = np.asarray(outputs) - np.asarray(references)
    return [f"{name}{between}Δt = {float(t):+.3g}" for name, t in zip(names, differences, strict=True)]


def text_page(file: ScoresFile, rows: Sequence[int], words: Sequence[str]) -> str:
    """Return a page of HTML with sentences under one another, on one scale of colours."""
    sentences = [sentence(file, row, words) for row in rows]
    vmax = plots.scale_of([scores for _, scores in sentences], 100)
    body = "\n".join(
        f"<h2>{html.escape(printable(title))}</h2>\n{plots.text_html(*each, vmax=vmax)}"
        for title, each in zip(titles(file, rows), sentences, strict=True)
    )
    head = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>scores of words</title>'
    return f'{head}\n<body style="font: 15px/1.5 system-ui, sans-serif">\n{body}\n</body></html>\n'


def sentence(file: ScoresFile, row: int, words: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the words of a row and their scores; tokens whose word is empty, padding for one, are left out.

    Raises
    ------
    InputError
        If the tokens are not known, or have no word.
    """
    if file.x is None or len(file.x.shape) != 2:
        raise InputError(f"{file.path}: the tokens that were scored are not where they were; give them with -i")
    tokens = np.asarray(take(file.x, [row])[0], np.int64)
    if tokens.min() < 0 or tokens.max() >= len(words):
        raise InputError(f"words: expected one for every token; there are {len(words)}, and a token {tokens.max()}")
    scores = np.asarray(take(file.contributions, [row])[0], np.float64)
    scores = scores.sum(-1) if scores.ndim == 2 else scores
    kept = [index for index, token in enumerate(tokens) if words[token]]
    return [words[tokens[index]] for index in kept], scores[kept]


def read_words(path: Path) -> list[str]:
    """Read words, one a line, in the order of their numbers; an empty line stands for padding."""
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected words, one a line; {error}") from error


def read_class_names(given: str | None) -> list[str]:
    """Return the names of classes, in the order of their numbers: those of a file, one a line, or between commas."""
    if given is None:
        return []
    path = Path(given)
    return read_words(path) if path.is_file() else [name.strip() for name in given.split(",")]
