"""BigWigs are read as pyBigWig reads them, and damaged ones are an error, where pyBigWig ends the process."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from deeplift_tf.errors import InputError
from deeplift_tf.genomics.bigwig_reader import BigWig

pybigwig = pytest.importorskip("pyBigWig")
CHROMS = {"chr1": 90_000, "chr2": 50_000, "chrEmpty": 70, "c3": 100}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks of all three kinds: a span and a step, starts with one span, and intervals."""
    path, rng = tmp_path_factory.mktemp("bigwig") / "whole.bw", np.random.default_rng(0)
    file = pybigwig.open(str(path), "w")
    file.addHeader(list(CHROMS.items()))
    file.addEntries("chr1", 10, values=rng.normal(size=20_000).tolist(), span=2, step=4)
    starts = np.sort(rng.choice(24_000, 5_000, replace=False)) * 2
    file.addEntries("chr2", starts.tolist(), values=rng.normal(size=5_000).tolist(), span=2)
    file.addEntries(["c3", "c3"], [1, 50], ends=[7, 90], values=[1.5, 2.5])
    file.close()
    return path


def test_values_are_those_of_pybigwig(path: Path) -> None:
    rng, other = np.random.default_rng(1), pybigwig.open(str(path))
    with BigWig(path) as file:
        assert file.chroms == CHROMS
        for chrom, length in CHROMS.items():
            windows = [(0, length), (length - 1, length), *np.sort(rng.choice(length, (30, 2), replace=True)).tolist()]
            for start, end in windows:
                if start < end and chrom != "chrEmpty":
                    expected = np.array(other.values(chrom, start, end), np.float32)
                    np.testing.assert_array_equal(file.values(chrom, start, end), expected)
        assert np.isnan(file.values("chrEmpty", 3, 60)).all()
    other.close()


def test_a_damaged_file_is_an_error_or_means_the_same(path: Path, tmp_path: Path) -> None:
    """Every byte of the header, of the list of chromosomes and of the index's beginning; and some of the blocks."""
    whole, bad = path.read_bytes(), tmp_path / "bad.bw"
    index = int.from_bytes(whole[24:32], "little")
    rng = np.random.default_rng(2)
    places = [*range(64), *rng.integers(304, 500, 60), *range(index, index + 100), *rng.integers(500, index, 30)]
    with BigWig(path) as file:
        expected = {name: file.values(name, 0, length) for name, length in CHROMS.items()}
    refused = 0
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= int(rng.choice([1, 128, 255]))
        bad.write_bytes(changed)
        try:
            with BigWig(bad) as file:
                for name in file.chroms.keys() & expected.keys():
                    np.testing.assert_array_equal(file.values(name, 0, CHROMS[name]), expected[name])
        except InputError as error:
            assert "bad.bw: expected a bigWig that is whole; found otherwise: " in str(error)
            refused += 1
    assert refused > len(places) / 3


@pytest.mark.parametrize("cut", [0, 3, 63, 64, 200, 400, -200, -5000])
def test_a_file_that_was_cut(path: Path, tmp_path: Path, cut: int) -> None:
    bad = tmp_path / "cut.bw"
    bad.write_bytes(path.read_bytes()[:cut])
    index = int.from_bytes(path.read_bytes()[24:32], "little")
    if 0 <= cut < 64 or bad.stat().st_size < index:
        with pytest.raises(InputError, match="expected a bigWig that is whole"):
            BigWig(bad)


def test_a_tree_that_leads_back_to_itself(path: Path, tmp_path: Path) -> None:
    whole = bytearray(path.read_bytes())
    index = int.from_bytes(whole[24:32], "little")
    root = index + 48
    whole[root : root + 4] = b"\x00\x00\x01\x00"  # a node with one child
    whole[root + 20 : root + 28] = root.to_bytes(8, "little")
    (tmp_path / "loop.bw").write_bytes(whole)
    with pytest.raises(InputError, match="a tree that leads back to itself"):
        BigWig(tmp_path / "loop.bw")


def test_nodes_that_lie_over_one_another(path: Path, tmp_path: Path) -> None:
    """Twenty nodes of one byte each would hold forty times what the file has."""
    root = int.from_bytes(path.read_bytes()[24:32], "little") + 48
    first = root + 4 + 20 * 24
    children = b"".join(struct.pack("<IIIIQ", 0, 0, 0, 1, first + number) for number in range(20))
    nodes = struct.pack("<BBH", 0, 0, 20) + children + b"\xff" * (0xFFFF * 32 + 30)
    (tmp_path / "over.bw").write_bytes(path.read_bytes()[:root] + nodes)
    with pytest.raises(InputError, match="nodes overlap"):
        BigWig(tmp_path / "over.bw")


def test_blocks_that_lie_over_one_another(path: Path, tmp_path: Path) -> None:
    """Every leaf of the index leads to one block that is as long as the file."""
    whole = bytearray(path.read_bytes())
    root = int.from_bytes(whole[24:32], "little") + 48
    is_leaf, _, count = struct.unpack("<BBH", whole[root : root + 4])
    assert is_leaf and count > 1
    for number in range(count):
        struct.pack_into("<QQ", whole, root + 4 + 32 * number + 16, 0, len(whole))
    (tmp_path / "over.bw").write_bytes(whole)
    with pytest.raises(InputError, match="its index"):
        BigWig(tmp_path / "over.bw")
