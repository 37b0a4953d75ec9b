from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deeplift_tf.cli.inspect import print_layers, print_report
from deeplift_tf.cli.options import RULES
from tests.support.command_line import run
from tests.support.installed import exported


def test_the_table_names_every_layer(files: Path) -> None:
    result = run("inspect", files / "one.keras", "--rule", "conv=reveal_cancel")
    assert result.exit_code == 0, result.stderr
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert "Conv1D" in lines["conv"]
    assert "(None, 8, 3)" in lines["conv"]
    assert "exact" in lines["conv"]
    assert "reveal_cancel" in result.stdout
    assert "of which approximate: 0" in result.stdout


def test_json(files: Path) -> None:
    answer = json.loads(run("inspect", files / "two.keras", "--json", "--check").stdout)
    assert {"name", "keras_class", "kind", "rule", "output_shape", "exact"} == set(answer["layers"][0])
    assert answer["check"]["prediction_error"] < 1e-5
    assert answer["check"]["relative_delta"] < 1e-4


def test_check(files: Path) -> None:
    result = run("inspect", files / "one.keras", "--check", "--dtype", "float64")
    assert result.exit_code == 0, result.stderr
    assert "largest difference to the model's own predictions, relative: " in result.stdout
    assert "largest sum-to-delta error, relative to the difference in output: " in result.stdout
    assert "gap" not in result.stdout


def test_a_folder_without_layers(files: Path, tmp_path: Path) -> None:
    """A graph of operations is checked against TensorFlow's own run of it."""
    import keras

    exported(keras.models.load_model(files / "one.keras"), tmp_path / "served")
    answer = json.loads(run("inspect", tmp_path / "served", "--json", "--check", "--signature", "serve").stdout)
    assert {"conv_1/Relu", "head_1/Sigmoid"} <= {layer["name"] for layer in answer["layers"]}
    assert answer["check"]["prediction_error"] < 1e-5
    assert answer["check"]["relative_delta"] < 1e-4
    result = run("inspect", tmp_path / "served", "--signature", "other")
    assert result.exit_code == 2
    assert "expected the signature 'other'; found 'serve', 'serving_default'" in result.stderr


def test_a_gap_and_notes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_report({"prediction_error": 1e-7, "relative_delta": 0.05, "worst_layer": "gate", "notes": ["seen at 16"]})
    assert (
        "difference in output: 0.05\nthe largest gap arises in layer 'gate'\nnote: seen at 16"
        in capsys.readouterr().out
    )


def test_names_that_look_like_markup_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    name = "[bold]x" + "y" * 200
    layer = {"name": name, "keras_class": "Dense", "kind": "linear", "rule": "", "exact": False}
    print_layers([layer | {"output_shape": (None, 2)}])
    out = capsys.readouterr().out
    assert name in out
    assert "approximate" in out
    assert "layers: 1, of which approximate: 1" in out


def test_the_rules_offered_are_those_of_the_library(files: Path) -> None:
    import deeplift_tf as dl

    x = np.load(files / "x.npy")[:2]
    for rule in RULES:
        assert np.isfinite(dl.convert(files / "one.keras", rule=rule).compile()(x, references=0.0).contributions).all()


def test_a_length_and_the_table_before_the_check(tmp_path: Path) -> None:
    """Where no length is found, the table is there all the same, and the message names the option."""
    import keras

    x = keras.Input((None, 2))
    model = keras.Model(x, keras.layers.Dense(1, name="out")(keras.layers.Reshape((26,))(x)))
    model.save(tmp_path / "model.keras")
    result = run("inspect", tmp_path / "model.keras", "--check")
    assert result.exit_code == 2
    assert "of which approximate: 0" in result.stdout
    assert "give one that it takes: --length" in result.stderr
    result = run("inspect", tmp_path / "model.keras", "--check", "--length", "13")
    assert result.exit_code == 0, result.stderr
    assert "was tried at (13, 2)" in result.stdout
    assert "--length is for --check" in run("inspect", tmp_path / "model.keras", "--length", "13").stderr
