"""TF-MoDISco reads our files, and finds the motif that a model looks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.command_line import run

MOTIF = "AGATAAGA"
SEQUENCES, LENGTH = 260, 120


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


@pytest.fixture(scope="module")
def tool() -> str:
    """The command ``modisco``."""
    found = shutil.which("modisco", path=str(Path(sys.executable).parent)) or shutil.which("modisco")
    assert found is not None
    return found


@pytest.mark.slow
def test_modisco_finds_the_motif(scored: Path, tool: str, tmp_path: Path) -> None:
    given = ["-s", "ohe.npz", "-a", "target_0.hypothetical.npz", "-n", "400", "-l", "1", "-w", str(LENGTH)]
    command = [tool, "motifs", *given, "-o", str(tmp_path / "motifs.h5")]
    done = subprocess.run(command, cwd=scored / "out", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "motifs.h5") as file:
        assert list(file) == ["pos_patterns"]
        patterns = [pattern["sequence"][:] for pattern in file["pos_patterns"].values()]
    found = ["".join("ACGT"[i] for i in pattern.argmax(1)) for pattern in patterns]
    turned = MOTIF[::-1].translate(str.maketrans("ACGT", "TGCA"))
    assert MOTIF in found[0] or turned in found[0], found


# runs the tool itself, up to the point where it has read its files
READ = """
import runpy, sys
import modiscolite, numpy
def keep(hypothetical_contribs, one_hot, **others):
    numpy.savez(PATH, x=one_hot, hypothetical=hypothetical_contribs)
    sys.exit()
modiscolite.tfmodisco.TFMoDISco = keep
tool, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(tool, run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["target_0.chrombpnet.h5", "target_0.bpnet.h5"])
def test_modisco_reads_the_same_from_the_other_files(scored: Path, tool: str, tmp_path: Path, name: str) -> None:
    code = READ.replace("PATH", repr(str(tmp_path / "read.npz")))
    command = [sys.executable, "-c", code, tool, "motifs", "-i", name, "-n", "600", "-w", str(LENGTH), "-o", "not.h5"]
    done = subprocess.run(command, cwd=scored / "out", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "read.npz") as read, np.load(scored / "out" / "target_0.hypothetical.npz") as wanted:
        hypothetical = wanted["arr_0"].transpose(0, 2, 1)
        np.testing.assert_array_equal(read["hypothetical"], hypothetical.astype(np.float16))
        x = read["x"]
    with np.load(scored / "out" / "ohe.npz") as file:
        np.testing.assert_array_equal(x, file["arr_0"].transpose(0, 2, 1))
