"""What scores, networks and comparisons show of themselves, and rows of scores."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from tests.support.keras_models import randomise

N = 5
X, X0 = np.random.default_rng(0).normal(size=(2, N, 4)).astype("float32")


@pytest.fixture(scope="module")
def network() -> dl.Network:
    stack = [keras.Input((4,), name="x"), layers.Dense(3, activation="relu", name="hidden"), layers.Dense(2, name="y")]
    return dl.convert(randomise(keras.Sequential(stack), 0))


@pytest.fixture(scope="module")
def scores(network: dl.Network) -> dl.Scores:
    return network.compile()(X, X0, target=1)


def test_scores_on_one_screen(scores: dl.Scores) -> None:
    lines = repr(scores).splitlines()
    assert len(lines) < 12 and max(map(len, lines)) <= 88
    facts = dict(line.split(None, 1) for line in lines[1:])
    assert facts["contributions"] == "(5, 4) float32"
    assert facts["target"] == "1"
    assert facts["references"] == "array (5, 4)"
    assert scores.delta is not None and f"{np.abs(scores.delta).max():.2g}" in repr(scores)


@pytest.mark.parametrize(
    ("references", "expected"),
    [(None, "zeros"), (0.5, "0.5"), (dl.references.channel_mean(X), "array"), (lambda x: x / 2, "<lambda>")],
)
def test_references_in_short(network: dl.Network, references: Any, expected: str) -> None:
    assert expected in network.compile()(X, references).references


def test_methods_say_what_they_were_asked(network: dl.Network) -> None:
    scores = dl.methods.integrated_gradients(network, X, 0.25, target="predicted", steps=4)
    assert (scores.target, scores.references) == ("predicted", "0.25")


@pytest.mark.parametrize("name", ["network", "scores"])
def test_html_is_the_same_and_safe(name: str, request: pytest.FixtureRequest) -> None:
    shown = request.getfixturevalue(name)
    page = shown._repr_html_()
    assert page.count("<tr>") == len(shown.facts())
    risky = dl.Scores(X, X, X[:, 0], None, None, target="<script>\x1b[31m")
    assert "<script>" not in risky._repr_html_() and "\x1b" not in risky._repr_html_() + repr(risky)


def test_networks_and_scoring_functions(network: dl.Network) -> None:
    assert "x: (None, 4) float32" in repr(network) and "rescale" in repr(network)
    assert "x: (None, 4)" in repr(network.compile())


@pytest.mark.parametrize("rows", [slice(1, 3), [0, 4], np.array([True, False, True, False, False])])
def test_rows_of_scores(scores: dl.Scores, rows: Any) -> None:
    part = scores[rows]
    for name in ("contributions", "multipliers", "outputs", "reference_outputs", "delta"):
        np.testing.assert_array_equal(getattr(part, name), getattr(scores, name)[rows])
    assert len(part) == 2 and part.hypothetical is None and part.target == "1"


def test_rows_of_scores_of_several_targets(network: dl.Network) -> None:
    scores = network.compile()(X, X0, targets=[0, 1])
    assert len(scores) == N
    np.testing.assert_array_equal(scores[2:4].contributions, scores.contributions[:, 2:4])
    assert scores.target == "0, 1"


def test_what_scores_had_as_a_tuple_warns(scores: dl.Scores) -> None:
    with pytest.warns(DeprecationWarning, match=r"scores\.replace"):
        assert scores._replace(delta=None).delta is None
    with pytest.warns(DeprecationWarning, match="arrays"):
        assert list(scores._asdict()) == [
            "contributions",
            "multipliers",
            "outputs",
            "reference_outputs",
            "delta",
            "hypothetical",
        ]
    with pytest.warns(DeprecationWarning, match="contributions"):
        assert scores[0] is scores.contributions
    with pytest.warns(DeprecationWarning):
        contributions, *_ = scores
    assert contributions is scores.contributions


def test_comparisons_and_curves(network: dl.Network, scores: dl.Scores) -> None:
    found = dl.compare(network, X, methods=["deeplift", "gradient"], references=[0.0])
    assert repr(found) == str(found) and "<pre>" in found._repr_html_()
    curve = dl.evaluate.deletion(network, X, 0.0, target=1, scores=scores)
    assert "areas" in repr(curve)
    with pytest.raises(AttributeError):
        scores.target = "other"  # type: ignore[misc]
