"""Models of several folds in one command: the mean of the single runs, in shards, after interruptions, merged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.command_line import interrupted, run

pytest.importorskip("pyfaidx")

ASKED = ("--references", "dinucleotide-shuffle:2", "--seed", 3, "--targets", "counts,profile", "--formats", "modisco")
KINDS = ("contributions", "hypothetical", "projected", "outputs", "reference_outputs")


@pytest.fixture(scope="module")
def folds(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three models of one architecture, the scores of each by itself beside it, in a folder of the same stem."""
    import keras

    folder = tmp_path_factory.mktemp("folds")
    paths = []
    for index in range(3):
        model = keras.models.load_model(data / "model.keras")
        rng = np.random.default_rng(index)
        model.set_weights([w + 0.1 * rng.normal(size=w.shape) for w in model.get_weights()])
        paths.append(folder / f"fold{index}.keras")
        model.save(paths[-1])
        assert of_regions(data, folder / f"fold{index}", paths[-1]) == 0
    return paths


def of_regions(data: Path, out: Path, *models: Path | str) -> int:
    given = [each for model in models for each in (("-m", model) if isinstance(model, Path) else (model,))]
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa", "-o", out)
    result = run("score", *given, *regions, *ASKED)
    assert result.exit_code == 0, result.stderr
    return result.exit_code


def arrays_in(folder: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(folder / "scores.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[:]} if isinstance(item, h5py.Dataset) else {}))
    return found


@pytest.mark.slow
def test_several_models_are_scored_as_their_mean(data: Path, folds: list[Path], tmp_path: Path) -> None:
    of_regions(data, tmp_path / "out", *folds, "--fold-spread")
    found, single = arrays_in(tmp_path / "out"), [arrays_in(path.with_suffix("")) for path in folds]
    for label in ("counts", "profile"):
        for kind in KINDS:
            expected = np.mean([each[f"{kind}/{label}"] for each in single], 0, np.float64)
            np.testing.assert_allclose(found[f"{kind}/{label}"], expected, rtol=1e-5, atol=1e-6)
        spread = np.std([each[f"contributions/{label}"] for each in single], 0, np.float64)
        np.testing.assert_allclose(found[f"spread/{label}"], spread, rtol=1e-4, atol=1e-6)
        assert spread.max() > 1e-3
    noted = json.loads((tmp_path / "out" / "scores.h5.json").read_text())
    assert noted["arguments"]["model"] == [str(path) for path in folds]
    assert set(noted["files"]["model"]) == {str(path) for path in folds}
    report = run("report", tmp_path / "out" / "scores.h5", "-o", tmp_path / "page.html", "--name", "counts")
    assert report.exit_code == 0, report.stderr


@pytest.mark.slow
def test_the_mean_on_both_strands_is_that_of_single_runs(data: Path, folds: list[Path], tmp_path: Path) -> None:
    both = ("--reverse-complement", "--batch-size", "3")
    of_regions(data, tmp_path / "out", *folds[:2], *both, "--fold-spread")
    for index in range(2):
        of_regions(data, tmp_path / str(index), folds[index], *both)
    found, single = arrays_in(tmp_path / "out"), [arrays_in(tmp_path / str(index)) for index in range(2)]
    for label in ("counts", "profile"):
        each = [one[f"contributions/{label}"] for one in single]
        np.testing.assert_allclose(found[f"contributions/{label}"], np.mean(each, 0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found[f"spread/{label}"], np.std(each, 0), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_shards_and_resumed_runs_of_folds_are_the_whole_to_the_byte(
    data: Path, folds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ("--fold-spread", "--batch-size", "1")
    of_regions(data, tmp_path / "whole", *folds[:2], *small)
    for index in (1, 2):
        of_regions(data, tmp_path / f"part{index}", *folds[:2], *small, "--shard", f"{index}/2")
    assert run("merge", tmp_path / "merged", tmp_path / "part2", tmp_path / "part1").exit_code == 0
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa", "-o", tmp_path / "resumed")
    command = ("score", "-m", folds[0], "-m", folds[1], *regions, *ASKED, *small)
    assert interrupted(monkeypatch, *command) >= 1
    refused = run("score", "-m", folds[0], "-m", folds[2], *regions, *ASKED, *small)
    assert (refused.exit_code, "--model was" in refused.stderr) == (2, True)
    assert "of them by an earlier run" in run(*command).stdout
    whole = arrays_in(tmp_path / "whole")
    for name in ("merged", "resumed"):
        other = arrays_in(tmp_path / name)
        assert other.keys() == whole.keys()
        assert all(other[key].tobytes() == whole[key].tobytes() for key in whole)


def test_finished_runs_are_merged_into_their_mean(data: Path, folds: list[Path], tmp_path: Path) -> None:
    runs = [path.with_suffix("") for path in folds]
    result = run("merge", "--mean", "--fold-spread", tmp_path / "out", *runs)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("4 rows, the mean of 3 runs, ")
    found, single = arrays_in(tmp_path / "out"), [arrays_in(path) for path in runs]
    for name, array in single[0].items():
        kind = name.partition("/")[0]
        if kind in KINDS:
            expected = np.mean([each[name] for each in single], 0, np.float64)
            np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-9)
        elif kind == "delta":
            deltas = np.array([each[name] for each in single])
            np.testing.assert_array_equal(np.abs(found[name]), np.abs(deltas).max(0))
        else:
            np.testing.assert_array_equal(found[name], array)
    expected = np.std([each["contributions/counts"] for each in single], 0, np.float64)
    np.testing.assert_allclose(found["spread/counts"], expected, rtol=1e-5, atol=1e-9)
    with np.load(tmp_path / "out" / "profile.hypothetical.npz") as file:
        np.testing.assert_array_equal(file["arr_0"], found["hypothetical/profile"].swapaxes(1, 2))
    noted = json.loads((tmp_path / "out" / "scores.h5.json").read_text())
    assert noted["arguments"]["model"] == [str(path) for path in folds]
    again = run("merge", "--mean", tmp_path / "again", tmp_path / "out", runs[0])
    assert (again.exit_code, "is of the same model" in again.stderr or "differs" in again.stderr) == (2, True)


def test_runs_that_have_no_mean_are_refused(data: Path, folds: list[Path], tmp_path: Path) -> None:
    runs = [path.with_suffix("") for path in folds]
    shutil.copytree(runs[0], tmp_path / "copy")
    of_regions(data, tmp_path / "part", folds[1], "--shard", "1/1", "--reverse-complement")
    of_regions(data, tmp_path / "shard", folds[1], "--shard", "1/2", "--batch-size", "2")
    for parts, message in {
        (runs[0],): "expected at least two runs; received one",
        (runs[0], tmp_path / "copy"): "is of the same model",
        (runs[0], tmp_path / "part"): "in more than its model: --reverse-complement was false, is true",
        (runs[0], tmp_path / "shard"): "is shard 1/2; merge the shards of each run first",
    }.items():
        result = run("merge", "--mean", tmp_path / "out", *parts)
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fold-spread"], "--fold-spread: expected several models"),
        (["-m", "{0}"], "is given twice; several models are different ones"),
        (["-m", "{1}", "--fold-spread", "--method", "gradient"], "--fold-spread is for contributions"),
        (["-m", "{1}", "--weights", "{1}"], "--weights: expected one model"),
        (["-m", "{2}"], "fold 1 differs from fold 0: its outputs are"),
    ],
)
def test_mistakes(data: Path, folds: list[Path], tmp_path: Path, options: list[str], message: str) -> None:
    given = [each.format(folds[0], folds[1], data / "tasks.keras") for each in options]
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa", "-o", tmp_path / "out")
    result = run("score", "-m", folds[0], *given, *regions)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


@pytest.mark.slow
def test_several_models_are_inspected_and_exported(folds: list[Path], tmp_path: Path) -> None:
    result = run("inspect", *folds[:2], "--check", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert {"fold0/conv", "fold1/conv", "logcounts"} <= {layer["name"] for layer in found["layers"]}
    assert found["check"]["prediction_error"] < 1e-4
    result = run("export", "-m", folds[0], "-m", folds[1], "--target", "profile", "-o", tmp_path / "served")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "served" / "saved_model.pb").is_file()
