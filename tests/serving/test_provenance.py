"""An exported folder says what it computes and what it was made from; `inspect` shows it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf import serving
from deeplift_tf.errors import ModelFileError
from tests.support import served_models as models
from tests.support.command_line import run

PLACE = Path("assets.extra", "deeplift_tf.json")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("models") / "model.keras"
    models.conv().model.save(path)
    return path


def test_what_is_said(model: Path, tmp_path: Path) -> None:
    background = models.one_hot(3, 12, seed=8)
    network = dl.convert(model, rule="genomics_default")
    found = serving.provenance(network.compile().export(tmp_path / "1", background, targets=[2, "predicted"], warmup=1))
    assert found is not None
    assert found["model"] == [{"path": str(model), "sha256": hashlib.sha256(model.read_bytes()).hexdigest()}]
    assert found["references"] == {
        "array": [3, 12, 4],
        "dtype": "float32",
        "sha256": hashlib.sha256(background.tobytes()).hexdigest(),
    }
    assert (found["method"], found["target"], found["targets"]) == ("deeplift", None, [2, "predicted"])
    assert set(found["rules"]) == {"rescale", "reveal_cancel"}
    assert found["takes"] == {"dna": "float32 [?, 12, 4]"}
    assert found["returns"]["contributions"] == "float32 [?, 2, 12, 4]"
    assert found["versions"]["tensorflow"] == tf.__version__
    assert found["versions"]["deeplift_tf"] == dl.__version__
    assert found["warmup"] == [1]


@pytest.mark.slow
def test_other_models(model: Path, tmp_path: Path) -> None:
    live = dl.convert(models.two_inputs().model).compile()
    found = serving.provenance(live.export(tmp_path / "1", method="gradient"))
    assert found is not None and found["model"] == "a live model, of no file"
    assert set(found["rules"]) == {"gradient"}
    folds = dl.ensemble([dl.convert(model), dl.convert(model)])
    several = serving.provenance(folds.compile().export(tmp_path / "2", dl.references.gc_content(), 0))
    assert several is not None and [each["path"] for each in several["model"]] == [str(model)] * 2
    assert several["references"] == str(dl.references.gc_content())
    assert serving.provenance(tmp_path) is None


@pytest.mark.slow
def test_inspect_shows_it(model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "mean.npy", np.full((12, 4), 0.25, np.float32))
    out = tmp_path / "scorer" / "1"
    given = ("--references", tmp_path / "mean.npy", "--target", "1", "--method", "reveal-cancel")
    done = run("export", "-m", model, "-o", out, *given)
    assert done.exit_code == 0, done.output
    shown = run("inspect", out)
    assert shown.exit_code == 0, shown.output
    assert hashlib.sha256(model.read_bytes()).hexdigest() in shown.output
    for part in ("a scoring function", "reveal-cancel", str(tmp_path / "mean.npy"), "dna: float32 [?, 12, 4]"):
        assert part in shown.output
    as_json = json.loads(run("inspect", out, "--json").stdout)
    assert as_json["exported"] == serving.provenance(out)
    assert as_json["exported"]["arguments"]["references"] == str(tmp_path / "mean.npy")
    reading = hashlib.sha256(b".\0" + (tmp_path / "mean.npy").read_bytes()).hexdigest()
    assert as_json["exported"]["files"]["references"]["sha256"] == reading


def test_a_damaged_file_is_refused(model: Path, tmp_path: Path) -> None:
    out = dl.convert(model).compile().export(tmp_path / "1", 0, 1)
    for text in ("{", "[]", "[" * 100_000, '{"other": 1}'):
        (out / PLACE).write_text(text, encoding="utf-8")
        with pytest.raises(ModelFileError, match="as an export writes it"):
            serving.provenance(out)
    shown = run("inspect", out)
    assert shown.exit_code == 2 and str(PLACE.name) in shown.output


def test_control_characters_are_written_out(model: Path, tmp_path: Path) -> None:
    out = dl.convert(model).compile().export(tmp_path / "1", 0, 1)
    facts = json.loads((out / PLACE).read_text("utf-8"))
    (out / PLACE).write_text(json.dumps(facts | {"method": "\x1b[31mred\u202e"}), encoding="utf-8")
    shown = run("inspect", out)
    assert shown.exit_code == 0 and "\x1b" not in shown.output and "\u202e" not in shown.output
