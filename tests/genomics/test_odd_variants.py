"""Variants at the edge of what can be scored: N and lower case, ends of chromosomes, position 0, several alleles."""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import numpy as np

from tests.genomics.conftest import LENGTH, letters_in, one_hot_slowly
from tests.support.command_line import run

HALF = LENGTH // 2


def test_what_can_be_scored_is_and_the_rest_is_listed(data: Path, tmp_path: Path) -> None:
    genome = letters_in(data / "genome.fa")
    ends, size = genome["chr2"], len(genome["chr2"])
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    first, last, middle = ends[HALF], ends[size - HALF - 1 : size - HALF + 1], genome["chr10"][99]
    rows = [
        ("chr1", 43, "N", "a"),  # N in the genome, and an allele in lower case
        ("chr2", HALF + 1, first, other[first]),  # its window begins with the chromosome
        ("chr2", HALF, ends[HALF - 1], other[ends[HALF - 1]]),  # and this one a letter before it
        ("chr2", size - HALF, last, last[0]),  # a deletion whose window ends with the chromosome
        ("chr2", size - HALF + 1, ends[size - HALF : size - HALF + 2], ends[size - HALF]),  # and a letter behind it
        ("chr10", 100, middle, f"{other[middle]},{middle}{'A' * (HALF - 1)},*"),
        ("chr10", 0, "N", "A"),
        ("chr7", 5, "A", "C"),
    ]
    text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n"
    text += "".join(f"{chrom}\t{at}\t.\t{one}\t{two}\n" for chrom, at, one, two in rows)
    with gzip.open(tmp_path / "v.vcf.gz", "wt") as file:
        file.write(text)
    given = ("--variants", tmp_path / "v.vcf.gz", "-g", data / "genome.fa", "-o", tmp_path / "out", "--target", 1)
    result = run("score", "-m", data / "tasks.keras", *given, "--batch-size", 2)
    assert result.exit_code == 0, result.stderr
    alternatives = [("chr1", 42, "A", 1), ("chr2", HALF, other[first], 1), ("chr2", size - HALF - 1, last[0], 2)]
    alternatives += [("chr10", 99, other[middle], 1), ("chr10", 99, middle + "A" * (HALF - 1), 1)]
    with h5py.File(tmp_path / "out" / "scores.h5") as scores:
        assert len(scores["sequences"]) == len(alternatives)
        for row, (chrom, at, allele, taken) in enumerate(alternatives):
            letters = genome[chrom]
            window = (letters[at - HALF : at] + allele + letters[at + taken :])[:LENGTH]
            np.testing.assert_array_equal(scores["sequences"][row], one_hot_slowly(window))
        effects = scores["outputs"][:] - scores["reference_outputs"][:]
        np.testing.assert_allclose(scores["contributions"][:].sum((1, 2)), effects, atol=1e-5 * np.abs(effects).max())
    dropped = (tmp_path / "out" / "dropped_variants.tsv").read_text()
    for reason in (
        "-1 to 29, lies over the edge",
        "alternative allele is *",
        "its position is 0",
        "no chromosome chr7",
    ):
        assert reason in dropped
    assert len(dropped.splitlines()) == 6
