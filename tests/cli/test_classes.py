"""The class of each row that the target "predicted" means: in files, pictures and the report, by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.io.scores_file import open_scores
from deeplift_tf.report.sentences import read_class_names, titles
from tests.cli.test_score import arrays_of
from tests.support.command_line import run


@pytest.fixture
def classes(files: Path) -> np.ndarray:
    return dl.convert(files / "one.keras").predict(np.load(files / "x.npy")).argmax(1)


def test_files_keep_the_class_of_each_row(files: Path, tmp_path: Path, classes: np.ndarray) -> None:
    x = np.load(files / "x.npy")
    x[3, 0, 0] = np.nan
    np.save(tmp_path / "x.npy", x)
    classes[3] = -1
    command = ("score", "-m", files / "one.keras", "-i", tmp_path / "x.npy", "--batch-size", 8, "--on-error", "skip")
    assert set(classes) == {-1, 0, 1}
    for shard in (1, 2):
        found = run(*command, "--targets", "predicted,1", "-o", tmp_path / f"{shard}.h5", "--shard", f"{shard}/2")
        assert found.exit_code == 0, found.stderr
    assert run("merge", tmp_path / "m.h5", tmp_path / "1.h5", tmp_path / "2.h5").exit_code == 0
    kept = arrays_of(tmp_path / "m.h5")
    np.testing.assert_array_equal(kept["classes/predicted"], classes)
    assert kept["classes/predicted"].dtype == np.int32 and "classes/target_1" not in kept
    for method in ("grad-cam", "integrated-gradients:5"):
        out = tmp_path / f"{method[:4]}.h5"
        found = run(*command, "--target", "predicted", "--method", method, "-o", out)
        assert found.exit_code == 0, found.stderr
        np.testing.assert_array_equal(arrays_of(out)["classes"], classes)


def test_pictures_and_the_report_name_classes(files: Path, tmp_path: Path, classes: np.ndarray) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "s.h5"
    command = ("score", "-m", files / "one.keras", "-i", files / "x.npy", "--target", "predicted", "-o", out)
    assert run(*command).exit_code == 0
    (tmp_path / "names.txt").write_text("a cat\na dog\n", encoding="utf-8")
    with open_scores(out) as file:
        assert [each.split(":")[0] for each in titles(file, [0, 1])] == [f"row {i}, class {classes[i]}" for i in (0, 1)]
    assert read_class_names(str(tmp_path / "names.txt")) == read_class_names("a cat, a dog") == ["a cat", "a dog"]
    for names in (tmp_path / "names.txt", "a cat,a dog"):
        result = run("report", out, "-o", tmp_path / "r.html", "--overwrite", "--class-names", names, "--top", 3)
        assert result.exit_code == 0, result.stderr
        page = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert ">class</button>" in page and 2 < page.count("<td>a cat</td>") + page.count("<td>a dog</td>") < 4
    svg = tmp_path / "p.svg"
    result = run("plot", out, "-o", svg, "--rows", "0:2", "--class-names", "cat,dog", "--as", "bars")
    assert result.exit_code == 0, result.stderr
    result = run("plot", out, "-o", tmp_path / "q.png", "--class-names", "cat")
    assert result.exit_code == 2 and "there are 1, and row" in result.stderr


def test_one_class_for_all_rows_has_its_name(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.h5"
    assert run("score", "-m", files / "one.keras", "-i", files / "x.npy", "--target", "1", "-o", out).exit_code == 0
    with open_scores(out) as file:
        assert file.class_name(0) is None
        object.__setattr__(file, "class_names", ["cat", "dog"])
        assert file.class_name(0) == "dog"


def test_the_mean_of_runs_keeps_the_classes_they_agree_on(files: Path, tmp_path: Path) -> None:
    import keras

    model = keras.models.load_model(files / "one.keras")
    rng = np.random.default_rng(5)
    model.set_weights([each + rng.normal(0, 0.1, each.shape) for each in model.get_weights()])
    model.save(tmp_path / "other.keras")
    for index, path in enumerate((files / "one.keras", tmp_path / "other.keras")):
        command = ("score", "-m", path, "-i", files / "x.npy", "--target", "predicted", "-o", tmp_path / f"{index}.h5")
        assert run(*command).exit_code == 0
    result = run("merge", "--mean", tmp_path / "m.h5", tmp_path / "0.h5", tmp_path / "1.h5")
    assert result.exit_code == 0, result.stderr
    a, b, both = (arrays_of(tmp_path / f"{name}.h5")["classes"] for name in ("0", "1", "m"))
    assert (a != b).any()
    np.testing.assert_array_equal(both, np.where(a == b, a, -1))
