"""Rows whose contributions miss the difference are counted, named and warned of."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftWarning
from deeplift_tf.scoring.completeness import Completeness
from tests.support.command_line import run
from tests.support.keras_models import randomise

RNG = np.random.default_rng(3)


def _counted(outputs: Any, reference_outputs: Any, delta: Any, contributions: Any) -> Completeness:
    found, values = Completeness(), (outputs, reference_outputs, delta, contributions)
    outputs, reference_outputs, delta, contributions = (np.asarray(value, "float32") for value in values)
    found.add(10, outputs, reference_outputs, delta, [contributions])
    return found


def test_rows_beyond_one_percent_are_counted() -> None:
    found = _counted([3, 3, 3, 3], [1, 1, 1, 1], [0.019, -0.021, 0.5, 0], np.ones((4, 2)))
    assert (found.found.missed, found.found.rows) == (2, 4)
    text = found.warning(["a", "b"])
    assert text is not None and "2 of 4 rows, most in row 12: by 0.5, of a difference of 2." in text
    assert "approximate layers: a, b" in text and "no layer is approximate" in str(found.warning([]))
    assert _counted([3], [1], [0.019], [[1.0]]).warning([]) is None
    assert _counted([3], [1], [np.nan], [[1.0]]).found.missed == 1
    several = _counted([[3, 3], [5, 5]], [[1, 1], [1, 1]], [[0, 0], [0, 0.9]], np.ones((2, 2, 3)))
    assert several.found.missed == 1 and "row 11 of target 1: by 0.9, of a difference of 4." in str(several.warning([]))


def test_rounding_is_no_error() -> None:
    # a difference of zero between sums of a thousand: 1e-4 of them is what single precision leaves of such sums
    assert _counted([1000], [1000], [0.01], [[500.0, -500.0]]).found.missed == 0
    assert _counted([1000], [1000], [1.0], [[500.0, -500.0]]).found.missed == 1
    assert _counted([0], [0], [0], [[0.0]]).found.missed == 0


def _approximate() -> keras.Model:
    x = keras.Input((3,))
    y = layers.Dense(1, kernel_initializer="ones", name="sum")(layers.Dense(1)(x))
    return randomise(keras.Model(x, y), 1)


def _network(model: keras.Model) -> dl.Network:
    """The network with a node in it that is wrong by a tenth."""
    import dataclasses

    from deeplift_tf.layers.dense import Dense

    class Wrong(Dense):
        exact = False

        def backward(self, step: Any, *multipliers: Any) -> Any:
            return [m._replace(mean=1.1 * m.mean) for m in super().backward(step, *multipliers)]

    network = dl.convert(model)
    nodes = tuple(
        dataclasses.replace(node, layer=Wrong(**vars(node.layer))) if node.name == "sum" else node
        for node in network.graph.nodes
    )
    return dl.Network(dataclasses.replace(network.graph, nodes=nodes), network.dtype)


def test_a_call_warns_once_with_the_layers() -> None:
    score, x = _network(_approximate()).compile(), RNG.normal(size=(7, 3))
    with pytest.warns(DeepLiftWarning, match="in 7 of 7 rows.*approximate layers: sum; .*network.check") as caught:
        score(x, 0.5, batch_size=2)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dl.convert(_approximate()).compile()(x, 0.5, batch_size=2)
        score(np.full((2, 3), 0.5), 0.5)  # x is the reference


def test_the_command_line_says_it_and_strict_exits_with_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _approximate().save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", RNG.normal(size=(7, 3)).astype("float32"))
    asked = ["score", "-m", tmp_path / "model.keras", "-i", tmp_path / "x.npy", "--references", 0.5, "--batch-size", 2]
    assert "contributions miss" not in run(*asked, "-o", tmp_path / "a.h5", "--strict").output
    wrong = _network(_approximate())
    monkeypatch.setattr("deeplift_tf.cli.score.opened", lambda model: wrong)
    done = run(*asked, "-o", tmp_path / "b.h5")
    assert done.exit_code == 0 and done.output.count("contributions miss") == 1
    assert "in 7 of 7 rows" in done.output and "7 rows in" in done.output
    assert run(*asked, "-o", tmp_path / "c.h5", "--strict").exit_code == 1


def test_rows_of_a_run_are_counted_once_with_those_of_before() -> None:
    arrays = {f"{part}/{name}": np.ones(4) for part in ("outputs", "contributions") for name in ("a", "b")}
    arrays |= {f"reference_outputs/{name}": np.zeros(4) for name in ("a", "b")}
    arrays |= {"delta/a": np.array([0.02, 0, 0, 0.3]), "delta/b": np.array([0.5, 0, 0, 0])}
    arrays["outputs/a"] = arrays["delta/a"] = np.array([1, 1, 1, np.nan]) * [0.02, 0, 0, 1]  # the last was skipped
    arrays["outputs/a"] = np.array([1, 1, 1, np.nan])
    first = Completeness()
    first.add_arrays(0, arrays)
    again = Completeness(first.found)
    again.add_arrays(4, arrays)
    assert (first.found.rows, first.found.missed, again.found.rows, again.found.missed) == (3, 1, 6, 2)
    assert "in 2 of 6 rows, most in row 0 of b: by 0.5, of a difference of 1." in str(again.warning(None))


def test_integrated_gradients_warn_at_the_line_of_the_call() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(9, "relu"), layers.Dense(1)])
    network, x = dl.convert(randomise(model, 1)), RNG.normal(size=(6, 3))
    with pytest.warns(DeepLiftWarning, match="of 6 rows.*more points .* come nearer") as caught:
        dl.methods.integrated_gradients(network, x, 0.5, steps=1, quadrature="right_riemann")
    assert [each.filename for each in caught] == [__file__]
