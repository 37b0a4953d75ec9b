"""TF-MoDISco reads our files, and finds the motif that a model looks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli.running import run

MOTIF = "AGATAAGA"
SEQUENCES, LENGTH = 400, 120


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of scores of sequences that hold the motif, by a model whose filter is that motif."""
    import keras

    pytest.importorskip("pyfaidx")
    pytest.importorskip("modiscolite")
    folder = tmp_path_factory.mktemp("modisco")
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((LENGTH, 4), name="sequence"),
            layers.Conv1D(3, len(MOTIF), activation="relu", name="filters"),
            layers.GlobalAveragePooling1D(name="average"),
            layers.Dense(1, name="activity"),
        ]
    )
    rng = np.random.default_rng(0)
    motif = np.array([[1.0 if letter == base else -0.5 for base in "ACGT"] for letter in MOTIF])
    filters = np.concatenate([motif[..., None], rng.normal(size=(len(MOTIF), 4, 2))], 2)
    model.get_layer("filters").set_weights([filters, np.array([-4.0, 0.0, 0.0])])
    model.get_layer("activity").set_weights([np.array([[20.0], [0.3], [-0.3]]), np.zeros(1)])  # the others are noise
    model.save(folder / "model.keras")
    lines = []
    for row in range(SEQUENCES):
        letters = rng.choice(list("ACGT"), LENGTH)
        start = rng.integers(30, LENGTH - 38)
        letters[start : start + len(MOTIF)] = list(MOTIF)
        lines.append(f">{row}\n{''.join(letters)}\n")
    (folder / "x.fa").write_text("".join(lines))
    command = ("score", "-m", folder / "model.keras", "-i", folder / "x.fa", "-o", folder / "out")
    result = run(*command, "--references", "dinucleotide-shuffle:5", "--target", 0)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        ["-s", "ohe.npz", "-a", "target_0.hypothetical.npz"],
        ["-i", "target_0.chrombpnet.h5"],
        ["-i", "target_0.bpnet.h5"],
    ],
)
def test_modisco_finds_the_motif(scored: Path, tmp_path: Path, given: list[str]) -> None:
    tool = shutil.which("modisco", path=str(Path(sys.executable).parent)) or shutil.which("modisco")
    assert tool is not None
    command = [tool, "motifs", *given, "-n", "600", "-w", str(LENGTH), "-o", str(tmp_path / "motifs.h5")]
    done = subprocess.run(command, cwd=scored / "out", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "motifs.h5") as file:
        assert list(file) == ["pos_patterns"]
        patterns = [pattern["sequence"][:] for pattern in file["pos_patterns"].values()]
    found = ["".join("ACGT"[i] for i in pattern.argmax(1)) for pattern in patterns]
    turned = MOTIF[::-1].translate(str.maketrans("ACGT", "TGCA"))
    assert MOTIF in found[0] or turned in found[0], found
