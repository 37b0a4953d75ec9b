"""Models with control tracks beside the sequence: the sequence is scored, the controls are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import genomics
from tests.genomics.conftest import GENOME, LENGTH, letters_in, one_hot_slowly
from tests.support.command_line import run

pytest.importorskip("pyfaidx")
PROFILE = 12
KEPT = [("chr1", 27), ("chr2", 95), ("chr2", 115), ("chr10", 55)]
TASKS = ("--targets", "counts,profile", "--formats", "modisco")
SHUFFLES = ("--references", "dinucleotide-shuffle:3", "--seed", 1)


@pytest.fixture(scope="module")
def controlled(data: Path) -> Path:
    """The folder `data` with a model of bpnet's form, control.keras, and two control tracks, plus.bw and minus.bw."""
    import keras

    pybigwig = pytest.importorskip("pyBigWig")
    keras.utils.set_random_seed(5)
    layers = keras.layers
    sequence = keras.Input((LENGTH, 4), name="sequence")
    bias = keras.Input((PROFILE, 2), name="profile_bias_input_0")
    total = keras.Input((2,), name="counts_bias_input_0")
    y = layers.Conv1D(6, 9, activation="relu", name="main_conv_0")(sequence)
    inner = layers.Conv1D(6, 3, dilation_rate=2, padding="same", activation="relu", name="main_dil_conv_1")(y)
    y = layers.add([y, inner], name="main_add_1")
    profile = layers.Cropping1D(5, name="main_profile_crop")(layers.Conv1D(2, 1, name="main_profile_head")(y))
    profile = layers.concatenate([profile, bias], name="concat_with_profile_bias")
    profile = layers.Conv1D(2, 1, name="profile_predictions")(profile)
    counts = layers.Dense(2, activation="relu", name="counts_dense")(layers.GlobalAveragePooling1D(name="average")(y))
    counts = layers.concatenate([counts, total], name="concat_with_counts_bias")
    counts = layers.Dense(1, activation="softplus", name="logcounts_predictions")(counts)
    keras.Model([bias, sequence, total], [profile, counts]).save(data / "control.keras")
    rng = np.random.default_rng(2)
    for name in ("plus", "minus"):
        file = pybigwig.open(str(data / f"{name}.bw"), "w")
        file.addHeader(list(GENOME.items()))
        for chrom, size in GENOME.items():
            values = rng.poisson(0.4, size).astype(float)
            file.addEntries(chrom, 5, values=values[5:].tolist(), span=1, step=1)  # nothing is known of the first five
        file.close()
    return data


def expected_controls(data: Path) -> dict[str, np.ndarray]:
    """Return the control tracks read the plain way."""
    import pyBigWig

    windows = [(chrom, start + LENGTH // 2 - PROFILE // 2) for chrom, start in KEPT]
    tracks = []
    for name in ("plus.bw", "minus.bw"):
        with pyBigWig.open(str(data / name)) as file:
            tracks.append([np.nan_to_num(file.values(chrom, at, at + PROFILE)) for chrom, at in windows])
    profile = np.moveaxis(np.array(tracks), 0, -1)
    return {"profile_bias_input_0": profile, "counts_bias_input_0": np.log(1 + profile.sum(1))}


def scored(data: Path, out: Path, *more: object) -> None:
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa")
    result = run("score", "-m", data / "control.keras", *regions, "-o", out, *SHUFFLES, *TASKS, *more)
    assert result.exit_code == 0, result.stderr


def compared(data: Path, out: Path, controls: dict[str, np.ndarray], target: str, scores: Any) -> None:
    """Compare what is in a folder with scores."""
    close = {"rtol": 1e-4, "atol": 1e-5 * np.abs(scores.contributions["sequence"]).max()}  # float32, other batches
    with h5py.File(out / "scores.h5") as file:
        np.testing.assert_allclose(file[f"contributions/{target}"][:], scores.contributions["sequence"], **close)
        np.testing.assert_allclose(file[f"outputs/{target}"][:], scores.outputs, rtol=1e-5)
        difference = file[f"outputs/{target}"][:] - file[f"reference_outputs/{target}"][:]
        total = file[f"contributions/{target}"][:].sum((1, 2))
        np.testing.assert_allclose(total, difference, rtol=1e-3, atol=1e-5)  # the sequence alone makes the difference
    with np.load(out / f"{target}.hypothetical.npz") as file:
        np.testing.assert_allclose(file["arr_0"].transpose(0, 2, 1), scores.hypothetical["sequence"], **close)


@pytest.mark.parametrize("control", ["zeros", "plus.bw,minus.bw", "controls.npz"])
@pytest.mark.slow_for("controls.npz")
def test_the_sequence_is_scored_with_the_controls_given(
    controlled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, control: str
) -> None:
    monkeypatch.chdir(controlled)
    controls = expected_controls(controlled)
    assert controls["profile_bias_input_0"].any()
    if control == "zeros":
        controls = {name: np.zeros_like(each) for name, each in controls.items()}
    contiguous: dict[str, Any] = {name: np.ascontiguousarray(each) for name, each in controls.items()}
    np.savez(controlled / "controls.npz", **contiguous)
    scored(controlled, tmp_path / "out", "--control", control, "--batch-size", 3)
    letters = letters_in(controlled / "genome.fa")
    x = np.stack([one_hot_slowly(letters[chrom][start : start + LENGTH]) for chrom, start in KEPT])
    score = dl.convert(controlled / "control.keras").compile()
    references = {"sequence": dl.references.dinucleotide_shuffle(3, seed=1), **controls}
    for target, output in (("counts", "logcounts_predictions"), ("profile", "profile_predictions")):
        weights = getattr(genomics, target)
        scores = score({"sequence": x, **controls}, references, weights, output=output, hypothetical=True)
        compared(controlled, tmp_path / "out", controls, target, scores)
        assert np.abs(scores.contributions["profile_bias_input_0"]).max() == 0


def test_controls_matter(controlled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(controlled)
    found = {}
    for name, control in {"with": "plus.bw,minus.bw", "without": "zeros", "turned": "minus.bw,plus.bw"}.items():
        scored(controlled, tmp_path / name, "--control", control)
        with h5py.File(tmp_path / name / "scores.h5") as file:
            found[name] = file["contributions/counts"][:]
    for name in ("without", "turned"):
        assert np.abs(found["with"] - found[name]).max() > 1e-3 * np.abs(found["with"]).max()


def test_both_strands_turn_the_controls_too(controlled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(controlled)
    controls = expected_controls(controlled)
    reference = ("--references", 0.25, "--control", "plus.bw,minus.bw", "--reverse-complement")
    regions = ("-r", "peaks.narrowPeak", "-g", "genome.fa", "--target", "counts", "--formats", "")
    result = run("score", "-m", "control.keras", *regions, *reference, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    with h5py.File(tmp_path / "out" / "scores.h5") as file:
        x, found = file["sequences"][:].astype(np.float32), file["contributions"][:]
    score = dl.convert("control.keras").compile()
    asked: dict[str, Any] = {"target": genomics.counts, "output": "logcounts_predictions"}
    one = score({"sequence": x, **controls}, {"sequence": 0.25, **controls}, **asked).contributions["sequence"]
    back = {"profile_bias_input_0": controls["profile_bias_input_0"][:, ::-1, ::-1]}
    back["counts_bias_input_0"] = controls["counts_bias_input_0"][:, ::-1]
    other = score({"sequence": x[:, ::-1, ::-1], **back}, {"sequence": 0.25, **back}, **asked).contributions["sequence"]
    np.testing.assert_allclose(found, (one + other[:, ::-1, ::-1]) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [],
            "inputs besides the sequence: 'profile_bias_input_0' (None, 12, 2), 'counts_bias_input_0' (None, 2); --con",
        ),
        (["--control", "plus.bw"], "expected 2 bigWigs, one for each track of profile_bias_input_0; received 1"),
        (["--control", "plus.bw,no.bw"], "no.bw: no such file"),
        (["--control", "plus.bw,bad.bw"], "bad.bw: expected a bigWig"),
        (["--control", "plus.bw,other.bw"], "other.bw: has no chromosome chr1, chr10, chr2"),
        (["--control", "few.npz"], "few.npz: expected 4 rows, one for each sequence; received 2"),
        (["--control", "half.npz"], "missing 'counts_bias_input_0'"),
        (
            ["--control", "nan.npz", "--on-error", "skip"],
            "input 'counts_bias_input_0': row 1 (counted from 0) holds",
        ),
    ],
)
def test_controls_that_do_not_fit(
    controlled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    import pyBigWig

    monkeypatch.chdir(controlled)
    Path("bad.bw").write_text("no")
    with pyBigWig.open("other.bw", "w") as file:
        file.addHeader([("chrX", 100)])
        file.addEntries("chrX", 5, values=[1.0], span=1, step=1)
    np.savez("few.npz", profile_bias_input_0=np.zeros((2, PROFILE, 2)), counts_bias_input_0=np.zeros((2, 2)))
    counts = np.array([[0, 0], [0, np.nan], [0, 0], [0, 0]])
    np.savez("nan.npz", profile_bias_input_0=np.zeros((4, PROFILE, 2)), counts_bias_input_0=counts)
    np.savez("half.npz", profile_bias_input_0=np.zeros((4, PROFILE, 2)))
    result = run(
        *("score", "-m", "control.keras", "-r", "peaks.narrowPeak", "-g", "genome.fa", "-o", tmp_path / "out"),
        *("--target", "counts", *options),
    )
    assert result.exit_code == 2, result.output
    assert message in result.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_model_without_other_inputs_takes_no_control(controlled: Path, tmp_path: Path) -> None:
    command = ("score", "-m", controlled / "tasks.keras", "-i", controlled / "sequences.fa", "-o", tmp_path / "out")
    result = run(*command, "--control", "zeros")
    assert (result.exit_code, "inputs besides the sequence: none" in result.stderr) == (2, True)
