"""Functions and arguments as text."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deeplift_tf.argspec import File, arguments_in, name_in, spellable, usage
from deeplift_tf.errors import InputError
from deeplift_tf.methods import METHODS, Options
from deeplift_tf.references import REFERENCES


def made(
    data: np.ndarray,
    count: int = 2,
    *,
    share: float = 0.5,
    flag: bool = False,
    axes: tuple[int, ...] | None = None,
    other: Any = None,
) -> None:
    """Take one argument of most kinds."""


PARAMETERS = spellable(inspect.signature(made).parameters.values())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("made:a/b.npy", {"data": File(Path("a/b.npy"), True)}),
        ("made:./x=1/b.npy,3", {"data": File(Path("./x=1/b.npy"), True), "count": 3}),
        ("made: data=b , share=1e-2,flag=True", {"data": File(Path("b"), True), "share": 0.01, "flag": True}),
        ("made:b,axes=1x2,flag=false", {"data": File(Path("b"), True), "axes": (1, 2), "flag": False}),
    ],
)
def test_arguments(given: str, expected: dict[str, Any]) -> None:
    assert arguments_in(given, PARAMETERS, "here", InputError) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("made", "data is missing"),
        ("made:b,2.5", "count is an integer"),
        ("made:b,share=nan", "share is a number"),
        ("made:b,flag=1", "flag is true or false"),
        ("made:b,axes=1;2", "axes is integers like 1x2"),
        ("made:b,count=1,count=2", "no place for 'count=2'"),
        ("made:b,other=1", "no place for 'other=1'"),
        ("made:b,1,1,true,1,7", "no place for '7'"),
    ],
)
def test_mistakes_show_how_it_is_written(given: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        arguments_in(given, PARAMETERS, "here", InputError)
    written = "made:FILE[,count=COUNT][,share=SHARE][,flag=FLAG][,axes=AXES]"
    assert str(caught.value) == f"here: expected {written}; received {given!r}: {reason}"


def test_names() -> None:
    assert name_in("gc-content:0.4") == name_in("gc_content") == "gc_content"
    assert usage("gc_content", spellable(inspect.signature(REFERENCES["gc_content"]).parameters.values())) == (
        "gc-content[:GC]"
    )


@pytest.mark.parametrize("function", [*METHODS.values(), *REFERENCES.values()], ids=[*METHODS, *REFERENCES])
def test_every_argument_can_be_written_but_for_a_few(function: Callable[..., Any]) -> None:
    """A new argument of a type that `KINDS` lacks would be left out of the command line without a word."""
    parameters = inspect.signature(function).parameters
    left_out = set(parameters) - set(spellable(parameters.values())) - set(Options.__annotations__)
    left_out -= {"network", "x", "references", "target", "options", "preprocess", "progress"}
    assert left_out <= {"data", "ranked_outputs", "output_rank_order"}
    assert not left_out or function is METHODS["deep_shap"]  # a background is --references; one target is written
