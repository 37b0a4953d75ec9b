"""Mistakes that the JSON of a model shows are told before TensorFlow starts; nothing right is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.methods.table import METHODS
from deeplift_tf.references.table import REFERENCES
from deeplift_tf.runs import early
from deeplift_tf.runs.model import ModelSource
from deeplift_tf.runs.outline import outline_of
from deeplift_tf.runs.request import Request
from tests.support.keras_models import LAYER_ROWS, MODEL_ROWS, Row

layers = keras.layers


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("early")
    x = keras.Input((30, 4), name="sequence")
    y = layers.Conv1D(8, 5, activation="relu", name="conv")(x)
    profile = layers.Flatten(name="logits_profile")(layers.Conv1D(1, 7, name="profile_conv")(y))
    total = layers.Dense(1, name="logcounts")(layers.GlobalAveragePooling1D(name="average")(y))
    model = keras.Model(x, [profile, total])
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    (folder / "g.fa").write_text(">chr1\n" + "ACGT" * 50 + "\n")
    (folder / "g.fa.fai").write_text("chr1\t200\t6\t200\t201\n")
    (folder / "r.bed").write_text("chr1\t100\t140\n")
    (folder / "without.bed").write_text("1\t100\t140\n")
    (folder / "wrong.sizes").write_text("chr1 long\n")
    np.save(folder / "x.npy", np.zeros((2, 30, 4), np.float32))
    return folder


REGIONS = ["-r", "r.bed", "-g", "g.fa"]
MISTAKES = [
    ([*REGIONS, "--target", "5"], "the model has several outputs, logits_profile, logcounts; name one: output=..."),
    ([*REGIONS, "--target", "5", "--output", "logcounts"], "a position in 0 of the output's shape (1,); received (5,)"),
    ([*REGIONS, "--target", "20", "--output", "logits_profile"], "a position in 0 to 19 of the output's shape (20,)"),
    ([*REGIONS, "--target", "1,0", "--output", "logcounts"], "so a position is 1 integers; received (1, 0)"),
    (["-i", "x.npy", "--output", "logcount"], "output: no layer is named 'logcount'; the closest are 'logcounts'"),
    (["-i", "x.npy", "--layers", "cnv"], "no layer is named 'cnv'; the closest are 'conv'"),
    ([*REGIONS, "--target", "counts", "--rule", "cnv=gradient"], "rules are given for ['cnv'], but the model has no"),
    ([*REGIONS, "--target", "counts", "--length", "40"], "--length 40: the model takes sequences of 30"),
    ([*REGIONS, "--target", "counts", "--method", "deplift"], "received 'deplift'; did you mean 'deeplift'?"),
    ([*REGIONS, "--target", "counts", "--references", "zeroes"], "received 'zeroes'; did you mean 'zeros'?"),
    ([*REGIONS, "--target", "counts", "--references", "no.npy"], "references: no.npy: no such file"),
    (
        [*REGIONS, "--target", "counts", "-c", "wrong.sizes"],
        "wrong.sizes: line 1: expected a chromosome",
    ),
    (["-r", "without.bed", "-g", "g.fa", "--target", "counts"], "the regions name '1' and the genome 'chr1'"),
    ([*REGIONS, "--target", "counts", "--chromosomes", "chr9"], "there are none of chr9"),
]


@pytest.mark.parametrize("model", ["m.keras", "m.h5"])
def test_mistakes_are_told_before_tensorflow_starts(files: Path, model: str) -> None:
    code = (
        "import io, json, sys\n"
        "from contextlib import redirect_stderr\n"
        "from deeplift_tf.cli.commands import commands\n"
        "said = []\n"
        "for index, arguments in enumerate(json.loads(sys.argv[1])):\n"
        "    with redirect_stderr(io.StringIO()) as err:\n"
        "        try:\n            commands(['score', *arguments])\n"
        "        except SystemExit as end:\n            said.append([end.code, err.getvalue()])\n"
        "    assert not {'tensorflow', 'keras'} & set(sys.modules), arguments\n"
        "print(json.dumps(said))"
    )
    out = {True: ["-o", "o.h5"], False: ["-o", "out"]}
    arguments = [["-m", model, *given, *out["-i" in given]] for given, _ in MISTAKES]
    command = [sys.executable, "-c", code, json.dumps(arguments)]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for (code_of_exit, said), (_, message) in zip(json.loads(done.stdout), MISTAKES, strict=True):
        assert code_of_exit == 2
        assert message in said
        assert len(said.splitlines()) == 1


def test_names_are_those_that_are_registered() -> None:
    assert set(early.METHODS) == set(METHODS)
    assert set(early.REFERENCES) == set(REFERENCES)


def request(path: Path, **asked: object) -> Request:
    rule = asked.pop("rule", "rescale")
    return Request(ModelSource(path, rule=rule), (0,), **asked)  # type: ignore[arg-type]


def check_outline(path: Path) -> None:
    """Names and shapes are those of the network, and no name of it is refused."""
    outline = outline_of(path)
    if outline is None:
        return
    network = dl.convert(path)
    known = {name: tuple(shape) for name, shape in network.input_shapes.items()}
    assert list(outline.inputs.values()) == list(known.values())
    if outline.outputs:
        assert tuple(outline.outputs) == tuple(network.output_names)
        for name, shape in network.output_shapes.items():
            assert outline.outputs[name] in (None, tuple(shape))
    for name in [*network.layers, *network.output_names]:
        early.check_names(request(path, output=name, layers=(name,), rule={name: "gradient"}), [outline])


# the layers whose shapes are inferred; their JSON in a .keras file is the same
SHAPED = ("Dense", "Conv1D", "MaxPooling1D", "Cropping1D", "Concatenate", "Flatten", "GlobalAveragePooling1D", "Add")
ROWS = [(row, ending) for row in MODEL_ROWS for ending in ("keras", "h5")]
ROWS += [(row, "h5") for row in LAYER_ROWS if row.layer_class in SHAPED]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "ending"), ROWS, ids=[f"{row.id}-{ending}" for row, ending in ROWS])
def test_the_outline_is_that_of_the_model(row: Row, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"m.{ending}"
    row.build().save(path)
    check_outline(path)


def test_the_outline_of_a_profile_model(files: Path) -> None:
    for name in ("m.keras", "m.h5"):
        outline = outline_of(files / name)
        assert outline is not None
        assert outline.inputs == {"sequence": (None, 30, 4)}
        assert outline.outputs == {"logits_profile": (None, 20), "logcounts": (None, 1)}
        assert outline.plain
        check_outline(files / name)


def test_what_is_no_model_has_no_outline(files: Path, tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no model")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["model_config"] = '{"class_name": "Functional", "config": {"layers": [3]}}'
    for path in (files / "x.npy", files / "nothing.h5", tmp_path / "text.h5", tmp_path / "other.h5", files):
        assert outline_of(path) is None
