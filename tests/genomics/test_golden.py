"""Golden files, each read by the tool that it is for, and written again to the same content."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deeplift_tf import genomics
from tests.genomics.golden.make import HERE, LETTERS, REGIONS, SIZES, scores, write


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the same files, written now."""
    pytest.importorskip("pyBigWig")
    folder = tmp_path_factory.mktemp("golden")
    write(folder)
    return folder


def content(path: Path) -> dict[str, Any]:
    """Return what is in a file, by name."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            return dict(file)
    if path.suffix == ".h5":
        found: dict[str, Any] = {}
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
        return found
    if path.suffix == ".bw":
        with pytest.importorskip("pyBigWig").open(str(path)) as track:
            return {chrom: track.intervals(chrom) for chrom in track.chroms()} | {"sizes": track.chroms()}
    if path.name.endswith(".stats.txt"):  # numpy 1 finds quantiles of float32 in float64, numpy 2 in float32
        lines = [line.split("\t") for line in path.read_text().splitlines()]
        return {level: round(float(value), 4) for level, value in lines}
    return {"text": path.read_text()}


def test_files_are_written_as_they_were(again: Path) -> None:
    names = {path.name for path in again.iterdir()}
    assert {path.name for path in HERE.iterdir() if path.is_file() and path.suffix != ".py"} == names
    assert len(names) == 8
    for name in names:
        found, wanted = content(again / name), content(HERE / name)
        assert list(found) == list(wanted)
        for key, value in wanted.items():
            np.testing.assert_array_equal(found[key], value, strict=isinstance(value, np.ndarray), err_msg=name)


def test_numpy_reads_what_is_for_modisco() -> None:
    x, hypothetical = scores()
    np.testing.assert_array_equal(content(HERE / "ohe.npz")["arr_0"], x.transpose(0, 2, 1))
    np.testing.assert_array_equal(content(HERE / "target_0.hypothetical.npz")["arr_0"], hypothetical.transpose(0, 2, 1))
    assert x[1, 2].sum() == 0  # N


def test_h5py_reads_the_files_of_chrombpnet_and_bpnet() -> None:
    x, hypothetical = scores()
    chrombpnet, bpnet = content(HERE / "target_0.chrombpnet.h5"), content(HERE / "target_0.bpnet.h5")
    assert {name: (each.dtype.name, each.shape) for name, each in chrombpnet.items()} == {
        "raw/seq": ("int8", (3, 4, 8)),
        "shap/seq": ("float16", (3, 4, 8)),
        "projected_shap/seq": ("float16", (3, 4, 8)),
    }
    np.testing.assert_array_equal(chrombpnet["shap/seq"], hypothetical.transpose(0, 2, 1))  # exact in half precision
    np.testing.assert_array_equal(chrombpnet["projected_shap/seq"], (x * hypothetical).transpose(0, 2, 1))
    np.testing.assert_array_equal(bpnet["hyp_scores"], hypothetical)
    assert bpnet["coords_chrom"].tolist() == [b"chr10", b"chr2", b"chr2"]
    assert bpnet["coords_end"].tolist() == [11, 38, 42]


def test_pybigwig_reads_the_track() -> None:
    x, hypothetical = scores()
    at = (x * hypothetical).sum(-1)
    with pytest.importorskip("pyBigWig").open(str(HERE / "target_0.bw")) as track:
        assert track.chroms() == SIZES
        np.testing.assert_array_equal(track.values("chr10", 3, 11), at[0])
        np.testing.assert_array_equal(track.values("chr2", 30, 42), np.r_[at[1, :6], at[2, 2:]])
        assert track.intervals("chr2", 42, 60) is None


def test_one_letter_of_a_golden_file_by_hand() -> None:
    """The first sequence is ACGTACGT; C at position 1 is letter number 5, and 5 × 37 mod 96 / 8 − 6 = 5.125."""
    assert LETTERS[0][1] == "C"
    assert content(HERE / "target_0.chrombpnet.h5")["projected_shap/seq"][0, :, 1].tolist() == [0, 5.125, 0, 0]


def test_the_windows_are_read_back_as_the_same_windows() -> None:
    found = genomics.read_regions(HERE / "windows.narrowPeak", 8)
    assert [each[:4] for each in found] == [each[:4] for each in REGIONS]


@pytest.mark.slow
def test_modisco_finds_seqlets_in_the_windows(tmp_path: Path) -> None:
    """``modisco seqlet-bed -p`` takes the middle of a line of the peaks for that of the window."""
    pytest.importorskip("modiscolite")
    with h5py.File(tmp_path / "motifs.h5", "w") as file:
        file.attrs["window_size"] = 8
        group = file.create_group("pos_patterns/pattern_0/seqlets")
        for name, value in {"start": 1, "end": 5, "example_idx": 2, "is_revcomp": False, "n_seqlets": 1}.items():
            group[name] = np.array([value])
    code = "import sys, modiscolite.io as io; io.write_bed_from_h5(*sys.argv[1:], '*', None, True)"
    files = [tmp_path / "motifs.h5", HERE / "windows.narrowPeak", tmp_path / "seqlets.bed"]
    done = subprocess.run([sys.executable, "-c", code, *map(str, files)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    line = (tmp_path / "seqlets.bed").read_text().splitlines()[-1]
    chrom, start, end = line.split()[:3]
    assert (chrom, int(start), int(end)) == ("chr2", REGIONS[2].start + 1 + 1, REGIONS[2].start + 5)  # it counts from 1
