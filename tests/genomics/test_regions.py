"""Which columns are summits, which lines are regions, and which regions are scored."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from deeplift_tf.errors import InputError
from deeplift_tf.genomics import Selection, read_regions, region_rows
from deeplift_tf.genomics.regions import Region
from tests.support.command_line import run

NARROW = "chr1\t100\t200\tp\t0\t.\t1.5\t-1\t3\t{}"
BED12 = "chr1\t100\t200\tgene\t0\t+\t{}\t{}\t0,0,0\t2\t10,20\t0,80"


def summits(tmp_path: Path, text: str, name: str = "a.bed") -> list[int]:
    (tmp_path / name).write_text(text)
    return [region.summit for region in read_regions(tmp_path / name, 4)]


@pytest.mark.parametrize(
    ("line", "summit"),
    [
        (NARROW.format(7), 107),
        (NARROW.format(0), 100),
        (NARROW.format(99), 199),
        (NARROW.format(-1), 150),
        ("chr1\t100\t200\t-\t-\t-\t-\t-\t-\t7", 107),  # no values, but a summit
        ("chr1 100 200 p 0 + 1 2 3 7", 107),
        (NARROW.format(7) + "\tmore", 107),  # a column of one's own after those of narrowPeak
        (NARROW.format(7) + "\t1\t2\t3\t4\t5\t6\t7\t8\t9\t10", 107),  # IDR's table
        (BED12.format(100, 200), 150),
        (BED12.format(120, 180), 150),
        (BED12.format(100, 100), 150),
        ("chr1\t100\t200\tgene\t0\t+\t110\t190\t0\t1\t100\t0", 150),  # one block, no commas
        ("chr1\t100\t200\tgene\t0\t+\t110\t190\t0,0,0\t2", 150),  # BED10
        ("chr1\t100\t200\tgene\t0\t+\t110\t190\t0\t2", 150),
        ("chr1\t100\t200\tx\t0\t+\tabc\t1\t2\t7\t1", 150),  # a table of eleven columns
        ("chr1\t100\t200\tx\t0\t+\t1\t1\t2\t0.5\t1", 150),
        ("chr1\t100\t200\tx\t0\t+\t1\t2\t3", 150),  # broadPeak
    ],
)
def test_only_narrow_peaks_have_summits(tmp_path: Path, line: str, summit: int) -> None:
    assert summits(tmp_path, line + "\n") == [summit]


@pytest.mark.parametrize("offset", [100, 5000, -2])
@pytest.mark.parametrize("name", ["a.narrowPeak", "a.bed"])
def test_a_summit_beyond_its_peak_is_refused(tmp_path: Path, offset: int, name: str) -> None:
    with pytest.raises(InputError, match=f"line 2: expected a summit from 0 to 99.*received {offset}"):
        summits(tmp_path, NARROW.format(7) + "\n" + NARROW.format(offset) + "\n", name)


def test_genes_in_a_file_are_all_centred(tmp_path: Path) -> None:
    lines = ["chr1\t0\t50\tg\t0\t+\t0\t50\t0\t1\t50,\t0,", BED12.format(100, 200)]
    assert summits(tmp_path, "\n".join(lines)) == [25, 150]


@pytest.mark.parametrize("header", ["chrom\tstart\tend", "#chrom\tchromStart\tchromEnd", "Chr start stop name"])
def test_headers_are_passed_over(tmp_path: Path, header: str) -> None:
    assert summits(tmp_path, f"{header}\nchr1\t4\t8\n") == [6]
    with pytest.raises(InputError, match="line 2: expected chromosome, start and end"):
        summits(tmp_path, "chr1\t4\t8\nchrom\tstart\tend\n")  # in the middle it is a mistake


def test_tables_of_macs_count_from_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="table of MACS, whose positions count from 1"):
        summits(tmp_path, "# MACS\nchr\tstart\tend\tlength\tabs_summit\nchr1\t5\t9\t5\t7\n")


@pytest.mark.parametrize("name", ["a.bed.gz", "a.bed.bgz", "a.bed"])
def test_compressed_by_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b"\xef\xbb\xbfchr1\t4\t8\r\n"))
    assert read_regions(tmp_path / name, 4) == [Region("chr1", 4, 8, 6, "chr1\t4\t8")]


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with genome.fa, 40 regions of two chromosomes, and a model."""
    pytest.importorskip("pyfaidx")
    folder = tmp_path_factory.mktemp("regions")
    rng = np.random.default_rng(0)
    sequences = {name: "".join(rng.choice(list("ACGT"), 400)) for name in ("chr1", "chr2", "chr3")}
    (folder / "genome.fa").write_text("".join(f">{name}\n{text}\n" for name, text in sequences.items()))
    lines = [f"chr{1 + row % 2}\t{10 * row}\t{10 * row + 10}" for row in range(40)]
    (folder / "r.bed").write_text("\n".join(lines) + "\n")
    x = keras.Input((6, 4), name="sequence")
    keras.Model(x, keras.layers.Dense(1)(keras.layers.Flatten()(x))).save(folder / "m.keras")
    return folder


def chosen(genome: Path, **arguments: object) -> list[tuple[str, int]]:
    selection = Selection(**arguments)  # type: ignore[arg-type]
    with region_rows(genome / "r.bed", genome / "genome.fa", 6, selection=selection) as rows:
        return [(region.chrom, region.start) for region in rows.regions]


def test_chromosomes_first_and_sample(genome: Path) -> None:
    everything = [(f"chr{1 + row % 2}", 10 * row + 2) for row in range(40)]
    assert chosen(genome) == everything
    assert chosen(genome, chromosomes=["chr2"]) == [each for each in everything if each[0] == "chr2"]
    assert chosen(genome, first=3) == everything[:3]
    some = chosen(genome, sample=7, seed=1)
    assert len(set(some)) == 7
    assert some == sorted(some, key=everything.index)  # in the order of the file
    assert some == chosen(genome, sample=7, seed=1) != chosen(genome, sample=7, seed=2)
    assert chosen(genome, sample=100) == everything
    assert chosen(genome, sample=7, seed=1, first=2) == some[:2]
    with pytest.raises(InputError, match=r"there are none of chr3. The file names chr1, chr2"):
        chosen(genome, chromosomes=["chr1", "chr3"])


def test_windows_that_overlap_excluded_regions(genome: Path, tmp_path: Path) -> None:
    black = [("chr1", 0, 3), ("chr2", 18, 19), ("chr1", 20, 22), ("chr1", 100, 300), ("chr1", 150, 160)]
    (tmp_path / "black.bed").write_text("chrom start end\n" + "".join(f"{c}\t{s}\t{e}\n" for c, s, e in black))
    expected = [
        (chrom, start)
        for chrom, start in chosen(genome)
        if not any(c == chrom and s < start + 6 and start < e for c, s, e in black)
    ]
    assert chosen(genome, exclude=tmp_path / "black.bed") == expected
    assert 20 < len(expected) < 40
    (tmp_path / "all.bed").write_text("chr1\t0\t400\nchr2\t0\t400\n")
    with pytest.raises(InputError, match="all 40 regions are excluded"):
        chosen(genome, exclude=tmp_path / "all.bed")


@pytest.mark.parametrize(("old", "new", "command"), [("chr", "", "s/^/chr/"), (">chr", ">", "s/^chr//")])
def test_chr1_against_1_is_named(genome: Path, tmp_path: Path, old: str, new: str, command: str) -> None:
    regions, fasta = (genome / "r.bed").read_text(), (genome / "genome.fa").read_text()
    (tmp_path / "r.bed").write_text(regions.replace(old, new))
    (tmp_path / "g.fa").write_text(fasta.replace(old, new) if old.startswith(">") else fasta)
    with (
        pytest.raises(InputError, match=r"no region of length 6 lies inside.*the regions name .*" + re.escape(command)),
        region_rows(tmp_path / "r.bed", tmp_path / "g.fa", 6),
    ):
        pass


def test_on_the_command_line(genome: Path, tmp_path: Path) -> None:
    (tmp_path / "black.bed").write_text("chr1\t0\t100\n")
    command = ("score", "-m", genome / "m.keras", "-r", genome / "r.bed", "-g", genome / "genome.fa", "--formats", "")
    more = ("--chromosomes", "chr1", "--exclude", tmp_path / "black.bed", "--sample", 5, "--first", 4, "--seed", 3)
    result = run(*command, "-o", tmp_path / "out", *more)
    assert result.exit_code == 0, result.stderr
    expected = chosen(genome, chromosomes=["chr1"], exclude=tmp_path / "black.bed", sample=5, first=4, seed=3)
    kept = (tmp_path / "out" / "interpreted_regions.bed").read_text().splitlines()
    assert [int(line.split()[1]) + 2 for line in kept] == [start for _, start in expected]
    noted = json.loads((tmp_path / "out" / "scores.h5.json").read_text())
    assert noted["files"]["exclude"]["bytes"] == (tmp_path / "black.bed").stat().st_size
    np.save(tmp_path / "x.npy", np.zeros((2, 6, 4), np.float32))
    for option, message in ((["--first", "2"], "--first is for regions"), (["--chromosomes", "chr1"], "--chromosomes")):
        result = run("score", "-m", genome / "m.keras", "-i", tmp_path / "x.npy", "-o", tmp_path / "x.h5", *option)
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    result = run(*command, "-o", tmp_path / "no", "--exclude", tmp_path / "none.bed")
    assert (result.exit_code, "none.bed: no such file" in result.stderr) == (2, True), result.stderr


def test_shards_of_a_sample_are_the_sample(genome: Path, tmp_path: Path) -> None:
    command = ("score", "-m", genome / "m.keras", "-r", genome / "r.bed", "-g", genome / "genome.fa", "--formats", "")
    more = ("--sample", 6, "--batch-size", 2)
    assert run(*command, "-o", tmp_path / "whole", *more).exit_code == 0
    parts = [tmp_path / f"part{index}" for index in (1, 2)]
    for index, part in enumerate(parts, 1):
        assert run(*command, "-o", part, *more, "--shard", f"{index}/2").exit_code == 0
    result = run("merge", tmp_path / "merged", *parts)
    assert result.exit_code == 0, result.stderr
    whole, merged = ((tmp_path / each / "interpreted_regions.bed").read_text() for each in ("whole", "merged"))
    assert whole == merged
    assert len(whole.splitlines()) == 6
