from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from deeplift_tf.errors import InputError
from deeplift_tf.genomics import letters_of, one_hot, open_fasta, read_regions, region_rows, sequence_rows, within
from deeplift_tf.genomics.regions import Region, read_sizes
from tests.genomics.conftest import GENOME, LENGTH, letters_in, one_hot_slowly

pytest.importorskip("pyfaidx")


def test_letters_come_back() -> None:
    assert letters_of(one_hot(["ACNGT", "TTGca"])) == ["ACNGT", "TTGCA"]
    assert letters_of(np.full((1, 2, 4), 0.25)) == ["NN"]


def test_sequences_of_two_lengths_are_refused() -> None:
    with pytest.raises(InputError, match=r"expected one length; received \[2, 3\]"):
        one_hot(["AC", "ACG"])


def test_windows_lie_around_summits(data: Path) -> None:
    regions = read_regions(data / "peaks.narrowPeak", LENGTH)
    assert [region[:4] for region in regions[:5]] == [
        ("chr1", 27, 57, 42),
        ("chr2", 95, 125, 110),
        ("chr2", 115, 145, 130),
        ("chr2", -12, 18, 3),
        ("chr10", 55, 85, 70),
    ]
    odd = read_regions(data / "peaks.narrowPeak", 7)[0]
    assert (odd.start, odd.end) == (39, 46)


def test_bed_without_summits_is_centred(tmp_path: Path) -> None:
    (tmp_path / "a.bed").write_text("# text\nbrowser x\nchr1 10 31\r\nchr2\t4\t8\n\n")
    assert [region[:4] for region in read_regions(tmp_path / "a.bed", 4)] == [
        ("chr1", 18, 22, 20),
        ("chr2", 4, 8, 6),
    ]


def test_compressed_regions(data: Path, tmp_path: Path) -> None:
    (tmp_path / "p.narrowPeak.gz").write_bytes(gzip.compress((data / "peaks.narrowPeak").read_bytes()))
    assert read_regions(tmp_path / "p.narrowPeak.gz", LENGTH) == read_regions(data / "peaks.narrowPeak", LENGTH)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t10\n", "line 1: expected chromosome, start and end; received 'chr1"),
        ("chr1\t1\t5\nchr1\tx\t5\n", "line 2: expected chromosome"),
        ("chr1\t9\t5\n", "line 1: expected 0 <= start < end; received 9, 5"),
        ("#none\n", "expected regions; found none"),
    ],
)
def test_lines_that_are_no_regions(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.bed").write_text(text)
    with pytest.raises(InputError, match=message):
        read_regions(tmp_path / "a.bed", 4)


def test_regions_over_an_edge_are_listed() -> None:
    regions = [Region("a", *span, 0) for span in [(-1, 3), (0, 4), (6, 10), (7, 11)]] + [Region("b", 0, 4, 0)]
    kept, dropped = within(regions, {"a": 10})
    assert [region.start for region in kept] == [0, 6]
    assert [region[:2] for region in dropped] == [("a", -1), ("a", 7), ("b", 0)]


def test_rows_of_regions_equal_the_letters_of_the_genome(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    letters = letters_in(data / "genome.fa")
    with region_rows(data / "peaks.narrowPeak", data / "genome.fa", LENGTH) as rows:
        assert rows.shape == (4, LENGTH, 4)
        x = rows[slice(1, 4)]
        expected = [letters[region.chrom][region.start : region.end] for region in rows.regions]
        assert (rows.unknown, rows.letters) == (0, 3 * LENGTH)
        assert rows[slice(0, 1)].sum() == LENGTH - 4  # nnNNacgt
        assert (rows.unknown, rows.letters) == (4, 4 * LENGTH)
        assert [region.line.split("\t")[3] for region in rows.dropped] == ["p3", "p5", "p6"]
    for one, sequence in zip(x, expected[1:], strict=True):
        np.testing.assert_array_equal(one, one_hot_slowly(sequence))
    assert "3 of 7 regions dropped" in caplog.text
    assert "chr2:-12-18" in caplog.text


def test_no_region_inside_of_the_genome(data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.bed").write_text("chr9\t10\t90\n")
    with (
        pytest.raises(InputError, match="no region of length 30 lies inside"),
        region_rows(tmp_path / "a.bed", data / "genome.fa", LENGTH),
    ):
        pass


def test_fasta_compressed_by_bgzip(data: Path, tmp_path: Path) -> None:
    bgzf = pytest.importorskip("Bio.bgzf")
    with bgzf.open(str(tmp_path / "g.fa.gz"), "wb") as out:
        out.write((data / "genome.fa").read_bytes())
    with open_fasta(tmp_path / "g.fa.gz") as fasta:
        assert dict(fasta.sizes) == GENOME
        assert fasta.fetch("chr10", 40, 90) == letters_in(data / "genome.fa")["chr10"][40:90]


def test_fasta_compressed_by_gzip_is_refused(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("Bio.bgzf")
    (tmp_path / "g.fa.gz").write_bytes(gzip.compress((data / "genome.fa").read_bytes()))
    with pytest.raises(InputError, match="compressed by bgzip"), open_fasta(tmp_path / "g.fa.gz"):
        pass


@pytest.mark.parametrize("content", [b"", b"no fasta\n", b"\x00\xff\x00\xff"])
def test_what_is_not_fasta(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.fa").write_bytes(content)
    with pytest.raises(InputError, match="expected FASTA"), open_fasta(tmp_path / "x.fa"):
        pass


def test_a_folder_that_cannot_be_written_to(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "g.fa").write_bytes((data / "genome.fa").read_bytes())
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with open_fasta(tmp_path / "g.fa") as fasta:
        assert dict(fasta.sizes) == GENOME
    assert [path.name for path in tmp_path.iterdir()] == ["g.fa"]


def test_an_index_appears_when_it_is_whole_and_is_made_again_for_a_newer_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyfaidx

    build, seen = pyfaidx.Faidx.build_index, []

    def watched(self: pyfaidx.Faidx) -> None:
        build(self)
        seen.append((tmp_path / "g.fa.fai").exists())

    monkeypatch.setattr(pyfaidx.Faidx, "build_index", watched)
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    for _ in range(2):
        with open_fasta(tmp_path / "g.fa") as fasta:
            assert dict(fasta.sizes) == {"a": 4}
    assert seen == [False]
    (tmp_path / "g.fa").write_text(">b\nACGTA\n")
    later = (tmp_path / "g.fa.fai").stat().st_mtime + 10
    os.utime(tmp_path / "g.fa", (later, later))
    with open_fasta(tmp_path / "g.fa") as fasta:
        assert dict(fasta.sizes) == {"b": 5}
    assert {path.name for path in tmp_path.iterdir()} == {"g.fa", "g.fa.fai"}


def test_sequences_of_a_file(data: Path) -> None:
    with sequence_rows(data / "sequences.fa") as rows:
        assert rows.shape == (40, LENGTH, 4)
        for one, sequence in zip(rows[slice(0, 40)], letters_in(data / "sequences.fa").values(), strict=True):
            np.testing.assert_array_equal(one, one_hot_slowly(sequence))
    with (
        pytest.raises(InputError, match="expected sequences of 31 letters; 40 of 40"),
        sequence_rows(data / "sequences.fa", 31),
    ):
        pass


def test_lengths_of_chromosomes(data: Path, tmp_path: Path) -> None:
    assert list(read_sizes(data / "chrom.sizes").items()) == [("chr1", 120), ("chr2", 300), ("chr10", 200)]
    (tmp_path / "bad").write_text("chr1 long\n")
    with pytest.raises(InputError, match="line 1: expected a chromosome and its length"):
        read_sizes(tmp_path / "bad")
