"""A model is compared with its network as closely as the numbers that it computes in allow, and no more loosely."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from deeplift_tf.conversion.check import check
from tests.support.command_line import run
from tests.support.installed import exported
from tests.support.keras_models import randomise
from tests.support.saved_models import quantize

PRECISIONS = ("float32", "float16", "bfloat16", "mixed_float16", "int8", "float8")


def model_of(precision: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    policy = precision if "float" in precision and precision != "float8" else "float32"
    x = keras.Input((20,))
    y = layers.Dense(32, activation="relu", dtype=policy, name="hidden")(x)
    model = randomise(keras.Model(x, layers.Dense(3, dtype=policy, name="end")(y)), 1)
    if precision in ("int8", "float8"):
        quantize(model, precision)
    return model


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("road", ["live", "keras", "export"])
@pytest.mark.slow_for(
    "keras-float8",
    "export-mixed_float16",
    "live-int8",
    "export-float16",
    "export-bfloat16",
    "export-float32",
    "keras-int8",
)
def test_rounding_of_the_model_itself_is_no_difference(precision: str, road: str, tmp_path: Path) -> None:
    if road == "export" and precision in ("int8", "float8"):
        pytest.skip("a graph of integers is another model")
    model, source = model_of(precision), tmp_path / "model.keras"
    if road == "keras":
        model.save(source)
    elif road == "export":
        source = Path(exported(model, tmp_path / "served"))
    report = dl.convert(model if road == "live" else source).check()
    assert report.passed and report.worst_layer is None and report.layers == {}
    coarse = precision != "float32" and not (road == "keras" and "float16" in precision)  # which are read as float32
    assert (report.tolerance > 1e-4) == coarse
    assert any("are its rounding" in note for note in report.notes) == coarse


@pytest.mark.parametrize("precision", [each for each in PRECISIONS if each != "float8"])
@pytest.mark.slow_for("int8")
def test_a_weight_that_is_wrong_by_a_fifth_is_found_in_any_precision(precision: str) -> None:
    model = model_of(precision)
    network = dl.convert(model)
    nodes = tuple(
        dataclasses.replace(node, layer=dataclasses.replace(node.layer, kernel=1.2 * node.layer.kernel))
        if node.name == "end"
        else node
        for node in network.graph.nodes
    )
    wrong = dl.Network(dataclasses.replace(network.graph, nodes=nodes), network.dtype)
    report = check(model, wrong)
    assert not report.passed and report.worst_layer == "end" and list(report.layers) == ["end"]
    assert 0.1 < report.prediction_error < 0.3


def test_inspect_says_what_the_model_computes_in(tmp_path: Path) -> None:
    model_of("int8").save(tmp_path / "model.keras")
    done = run("inspect", tmp_path / "model.keras", "--check")
    assert done.exit_code == 0
    assert "the model computes in int8: differences up to 0.02 are its rounding" in done.output
    assert "the largest gap" not in done.output
    tolerance = 4 * np.sqrt(2) / 2**11  # two layers, each half a unit in the last place
    np.testing.assert_allclose(dl.convert(model_of("float16")).check().tolerance, tolerance)
