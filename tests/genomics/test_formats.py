"""Files read back by the libraries that they are for: numpy, h5py and pyBigWig."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeplift_tf import genomics
from deeplift_tf.errors import InputError, OutputFileError
from deeplift_tf.genomics import Region
from deeplift_tf.genomics.formats.bigwig import segments


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray]:
    """One-hot sequences and hypothetical contributions, more rows than are written at a time."""
    rng = np.random.default_rng(0)
    x = np.eye(4, dtype=np.int8)[rng.integers(0, 4, (300, 6))]
    x[7, 2] = 0  # an N
    return x, rng.normal(size=(300, 6, 4)).astype(np.float32)


def test_files_for_modisco(scored: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, hypothetical = scored
    genomics.write_modisco(tmp_path / "x.npz", tmp_path / "s.npz", x, hypothetical)
    with np.load(tmp_path / "x.npz") as file:
        assert file.files == ["arr_0"]
        np.testing.assert_array_equal(file["arr_0"], x.transpose(0, 2, 1))
    with np.load(tmp_path / "s.npz") as file:
        np.testing.assert_array_equal(file["arr_0"], hypothetical.transpose(0, 2, 1))
        assert file["arr_0"].dtype == np.float32


def test_file_of_chrombpnet(scored: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, hypothetical = scored
    genomics.write_chrombpnet(tmp_path / "s.h5", x, hypothetical)
    with h5py.File(tmp_path / "s.h5") as file:
        kinds = {name: (file[name].dtype, file[name].shape) for name in ("raw/seq", "shap/seq", "projected_shap/seq")}
        half = np.dtype(np.float16)
        assert kinds == {
            "raw/seq": (np.dtype(np.int8), (300, 4, 6)),
            "shap/seq": (half, (300, 4, 6)),
            "projected_shap/seq": (half, (300, 4, 6)),
        }
        assert file["shap/seq"].compression == "gzip"
        np.testing.assert_array_equal(file["raw/seq"][:], x.transpose(0, 2, 1))
        np.testing.assert_array_equal(file["shap/seq"][:], hypothetical.transpose(0, 2, 1).astype(np.float16))
        projected = (x * hypothetical).transpose(0, 2, 1).astype(np.float16)
        np.testing.assert_array_equal(file["projected_shap/seq"][:], projected)


def test_file_of_bpnet(scored: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    x, hypothetical = scored
    regions = [Region("chr1", row, row + 6, row + 3) for row in range(300)]
    genomics.write_bpnet(tmp_path / "s.h5", x, hypothetical, regions)
    with h5py.File(tmp_path / "s.h5") as file:
        np.testing.assert_array_equal(file["input_seqs"][:], x)
        np.testing.assert_array_equal(file["hyp_scores"][:], hypothetical.astype(np.float16))
        assert (file["input_seqs"].dtype, file["hyp_scores"].dtype) == (np.int8, np.float16)
        assert file["coords_chrom"][0] == b"chr1"
        np.testing.assert_array_equal(file["coords_start"][:], np.arange(300, dtype=np.int32))
        np.testing.assert_array_equal(file["coords_end"][:], np.arange(300, dtype=np.int32) + 6)
    with pytest.raises(InputError, match="regions: expected 300"):
        genomics.write_bpnet(tmp_path / "t.h5", x, hypothetical, regions[:2])


def test_arrays_that_are_no_scores(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"received \(2, 4, 6\) and \(2, 6, 4\)"):
        genomics.write_chrombpnet(tmp_path / "s.h5", np.zeros((2, 4, 6)), np.zeros((2, 6, 4)))
    assert not list(tmp_path.iterdir())


def test_overlaps_are_cut_midway_between_summits() -> None:
    sizes = {"b": 100, "a": 100}
    regions = [
        Region("a", 10, 20, 15),
        Region("b", 12, 22, 17),
        Region("b", 10, 20, 15),
        Region("b", 21, 31, 26),
        Region("a", 20, 30, 25),
    ]
    assert [tuple(part) for part in segments(regions, sizes)] == [
        (2, 10, 16),
        (1, 16, 21),
        (3, 21, 31),
        (0, 10, 20),
        (4, 20, 30),
    ]


def test_every_position_is_written_once_however_regions_overlap() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        starts = rng.integers(0, 60, 12)
        regions = [Region("a", start, start + 20, start + 10) for start in starts]
        covered = np.concatenate([np.arange(part.start, part.end) for part in segments(regions, {"a": 100})])
        wanted = np.unique(np.concatenate([np.arange(region.start, region.end) for region in regions]))
        np.testing.assert_array_equal(covered, wanted)


def test_bigwig(scored: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    pybigwig = pytest.importorskip("pyBigWig")
    x, hypothetical = scored[0][:3], scored[1][:3]
    regions = [Region("chr2", 30, 36, 33), Region("chr10", 3, 9, 6), Region("chr2", 34, 40, 37)]
    sizes = {"chr2": 100, "chr1": 50, "chr10": 20}
    stats = genomics.write_bigwig(tmp_path / "s.bw", x, hypothetical, regions, sizes)
    at = (x * hypothetical).sum(-1)
    file = pybigwig.open(str(tmp_path / "s.bw"))
    assert list(file.chroms().items()) == list(sizes.items())
    np.testing.assert_array_equal(file.values("chr10", 3, 9), at[1])
    # the summits are 33 and 37, so the first region gives way at 35
    np.testing.assert_array_equal(file.values("chr2", 30, 40), np.r_[at[0, :5], at[2, 1:]])
    assert np.isnan(file.values("chr2", 0, 30)).all()
    assert file.intervals("chr1") is None
    assert len(file.intervals("chr2")) == 10
    written = np.r_[at[1], at[0, :5], at[2, 1:]]
    assert (stats["Min"], stats["Max"]) == (written.min(), written.max())
    file.close()


@pytest.mark.parametrize(
    ("region", "message"), [(Region("chr3", 0, 6, 3), "chr3"), (Region("chr2", 96, 102, 99), "chr2:96-102 lies over")]
)
def test_regions_that_have_no_place_in_a_bigwig(
    scored: tuple[np.ndarray, np.ndarray], tmp_path: Path, region: Region, message: str
) -> None:
    pytest.importorskip("pyBigWig")
    with pytest.raises(InputError, match=message):
        genomics.write_bigwig(tmp_path / "s.bw", scored[0][:1], scored[1][:1], [region], {"chr2": 100})
    assert not list(tmp_path.iterdir())


PLACES = [Region("chr1", 9 * row, 9 * row + 6, 9 * row + 3) for row in range(300)]


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """Let no file grow above a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_bigwig(path: Path, x: np.ndarray, hypothetical: np.ndarray) -> None:
    pytest.importorskip("pyBigWig")
    genomics.write_bigwig(path, x, hypothetical, PLACES, {"chr1": 10_000})


def write_bpnet(path: Path, x: np.ndarray, hypothetical: np.ndarray) -> None:
    genomics.write_bpnet(path, x, hypothetical, PLACES)


@pytest.mark.parametrize("write", [write_bigwig, write_bpnet, genomics.write_chrombpnet])
def test_a_full_disk_is_never_passed_over(
    scored: tuple[np.ndarray, np.ndarray], tmp_path: Path, write: Callable[..., None]
) -> None:
    """Also where it is full at the last byte, which the libraries write as they close a file."""
    write(tmp_path / "whole.bw", *scored)
    size = (tmp_path / "whole.bw").stat().st_size
    for short in (1, 3, 100, size // 3, size // 2, size - 1):
        with pytest.raises((OSError, RuntimeError, SystemError, OutputFileError)), full_at(size - short):
            write(tmp_path / "s.bw", *scored)
    write(tmp_path / "s.bw", *scored)
    assert (tmp_path / "s.bw").stat().st_size == size
