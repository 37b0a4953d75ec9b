"""Real sequences and peaks to every file; 2,000 sequences with progress and in bounded memory."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.genomics.conftest import letters_in, one_hot_slowly
from tests.support.command_line import run

FASTA = Path(__file__).resolve().parents[2] / "../shared/data/input/sequences.fa"
SOME = 200


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    pytest.importorskip("pyfaidx")
    if not FASTA.is_file():
        pytest.skip(f"needs {FASTA.name} of the shared data")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    path = tmp_path_factory.mktemp("real") / "model.keras"
    keras.Sequential(
        [
            keras.Input((1000, 4), name="sequence"),
            layers.Conv1D(16, 15, activation="relu"),
            layers.MaxPooling1D(20),
            layers.Flatten(),
            layers.Dense(2, activation="sigmoid"),
        ]
    ).save(path)
    return path


def score(model: Path, fasta: Path, out: Path) -> tuple[str, int]:
    """Return what a run said about its progress, and the largest memory of any run so far, bytes."""
    command = [sys.executable, "-m", "deeplift_tf.cli", "score", "-m", str(model), "-i", str(fasta), "-o", str(out)]
    options = ["--references", "dinucleotide-shuffle:2", "--target", "1", "--pre-activation", "--batch-size", "64"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    return done.stderr, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


@pytest.mark.slow
def test_two_thousand_sequences(model: Path, tmp_path: Path) -> None:
    with FASTA.open() as lines:
        (tmp_path / "some.fa").write_text("".join(itertools.islice(lines, 2 * SOME)))
    _, memory_of_some = score(model, tmp_path / "some.fa", tmp_path / "some")
    said, memory_of_all = score(model, FASTA, tmp_path / "all")
    assert "2000 of 2000 rows (100 %)" in said
    # the scores of all are 64 MB; what is held is a batch
    assert memory_of_all - memory_of_some < 40e6, (memory_of_some, memory_of_all)
    with h5py.File(tmp_path / "all" / "scores.h5") as whole, h5py.File(tmp_path / "some" / "scores.h5") as part:
        assert whole["contributions"].shape == (2000, 1000, 4)
        # a row's shuffles follow from the row, so its scores do not depend on the other rows of the file
        first = part["contributions"][:]
        np.testing.assert_allclose(whole["contributions"][:SOME], first, rtol=1e-4, atol=1e-5 * np.abs(first).max())
        difference = np.abs(whole["outputs"][:] - whole["reference_outputs"][:]).max()
        assert np.abs(whole["delta"][:]).max() < 1e-4 * difference  # float32
    with np.load(tmp_path / "all" / "ohe.npz") as file:
        assert file["arr_0"].shape == (2000, 4, 1000)
        assert file["arr_0"].sum(1).max() == 1


PEAKS = FASTA.with_name("tangermeme_test2.bed10")


def test_real_narrow_peaks(tmp_path: Path) -> None:
    import keras

    genome = FASTA.with_name("tangermeme_test.fa")
    pytest.importorskip("pyfaidx")
    if not PEAKS.is_file() or not genome.is_file():
        pytest.skip(f"needs {PEAKS.name} and {genome.name} of the shared data")
    shutil.copy(genome, tmp_path / "genome.fa")
    layers = keras.layers
    x = keras.Input((100, 4), name="sequence")
    y = layers.GlobalMaxPooling1D()(layers.Conv1D(4, 9, activation="relu")(x))
    keras.Model(x, layers.Dense(1)(y)).save(tmp_path / "model.keras")
    regions = ("-r", PEAKS, "-g", tmp_path / "genome.fa", "-c", f"{genome}.fai", "--upper-case")
    command = ("score", "-m", tmp_path / "model.keras", *regions, "-o", tmp_path / "out")
    refused = run(*command)
    assert (refused.exit_code, "received 'Z' at position 23" in refused.stderr) == (2, True)  # the file has one
    (tmp_path / "genome.fa").write_text(genome.read_text().replace("Z", "N"))
    result = run(*command)
    assert result.exit_code == 0, result.stderr
    letters = letters_in(genome)
    kept: list[tuple[str, str, int]] = []
    dropped: list[tuple[str, str, int]] = []
    for line in PEAKS.read_text().splitlines():
        chrom, start, *_, summit = line.split("\t")
        first = int(start) + int(summit) - 50
        (kept if 0 <= first <= len(letters[chrom]) - 100 else dropped).append((line, chrom, first))
    assert kept and dropped
    assert (tmp_path / "out" / "interpreted_regions.bed").read_text().splitlines() == [line for line, *_ in kept]
    assert (tmp_path / "out" / "dropped_regions.bed").read_text().splitlines() == [line for line, *_ in dropped]
    with h5py.File(tmp_path / "out" / "scores.h5") as file:
        expected = [one_hot_slowly(letters[chrom][first : first + 100].upper()) for _, chrom, first in kept]
        np.testing.assert_array_equal(file["sequences"][:], expected)
        at = file["contributions"][:].sum(-1)
    with pytest.importorskip("pyBigWig").open(str(tmp_path / "out" / "target_0.bw")) as track:
        assert list(track.chroms()) == list(letters)
        alone = next(row for row, (_, chrom, _) in enumerate(kept) if [each[1] for each in kept].count(chrom) == 1)
        _, chrom, first = kept[alone]
        np.testing.assert_array_equal(track.values(chrom, first, first + 100), at[alone])
