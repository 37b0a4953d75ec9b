"""A small profile model, a genome and peaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

LENGTH = 30
GENOME = {"chr2": 300, "chr10": 200, "chr1": 120}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.keras (profile and counts heads), genome.fa, peaks.narrowPeak and chrom.sizes."""
    import keras

    pytest.importorskip("pyfaidx")
    folder = tmp_path_factory.mktemp("genomics")
    keras.utils.set_random_seed(1)
    layers = keras.layers
    x = keras.Input((LENGTH, 4), name="sequence")
    y = layers.Conv1D(8, 5, activation="relu", name="conv")(x)
    profile = layers.Conv1D(1, 7, name="profile_conv")(y)
    profile = layers.Flatten(name="logits_profile")(profile)
    total = layers.Dense(1, name="logcounts")(layers.GlobalAveragePooling1D(name="average")(y))
    keras.Model(x, [profile, total]).save(folder / "model.keras")
    flat = layers.Dense(3, name="tasks")(layers.Flatten(name="flat")(y))
    keras.Model(x, flat).save(folder / "tasks.keras")

    rng = np.random.default_rng(0)
    letters = {name: "".join(rng.choice(list("ACGT"), size)) for name, size in GENOME.items()}
    letters["chr1"] = letters["chr1"][:40] + "nnNNacgt" + letters["chr1"][48:]
    (folder / "genome.fa").write_text("".join(f">{name} text\n{text}\n" for name, text in letters.items()))
    (folder / "chrom.sizes").write_text("chr1\t120\nchr2\t300\nchr10\t200\n")
    peaks = [
        ("chr1", 20, 60, 22),  # 27..57, holds the letters that are no bases
        ("chr2", 100, 140, 10),  # 95..125
        ("chr2", 100, 140, 30),  # 115..145, overlaps the one before
        ("chr2", 0, 20, 3),  # over the edge
        ("chr10", 50, 91, -1),  # no summit: the middle, 55..85
        ("chr7", 10, 90, 40),  # no such chromosome
        ("chr10", 160, 200, 39),  # over the edge
    ]
    lines = [f"{c}\t{s}\t{e}\tp{i}\t0\t.\t1\t2\t3\t{o}\n" for i, (c, s, e, o) in enumerate(peaks)]
    (folder / "peaks.narrowPeak").write_text("track name=peaks\n" + "".join(lines))
    (folder / "sequences.fa").write_text("".join(f">s{i}\n{letters['chr2'][i : i + LENGTH]}\n" for i in range(40)))
    return folder


def letters_in(path: Path) -> dict[str, str]:
    """Return the sequences of a FASTA file, read the plain way."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line.startswith(">"):
            name = line[1:].split()[0]
            found[name] = ""
        else:
            found[name] += line
    return found


def one_hot_slowly(sequence: str) -> np.ndarray:
    return np.array([[letter == base for base in "ACGT"] for letter in sequence.upper()], np.float32)
