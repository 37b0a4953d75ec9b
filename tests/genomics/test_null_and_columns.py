"""Scores of shuffles, what is kept of regions, the field's score, and genomes in other forms."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deeplift_tf as dl
from tests.genomics.conftest import letters_in, one_hot_slowly
from tests.genomics.test_folds import arrays_in
from tests.support.command_line import run

pytest.importorskip("pyfaidx")


def scored(data: Path, out: Path, *options: object, regions: Path | None = None) -> dict[str, np.ndarray]:
    given = ("-r", regions or data / "peaks.narrowPeak", "-g", data / "genome.fa")
    result = run("score", "-m", data / "model.keras", *given, "-o", out, "--target", "counts", *options)
    assert result.exit_code == 0, result.stderr
    return arrays_in(out)


def pairs(x: np.ndarray) -> np.ndarray:
    """Return how often each pair of letters stands side by side in one sequence, shape (5, 5)."""
    codes = np.where(x.any(-1), x.argmax(-1), 4)
    found = np.zeros((5, 5), int)
    np.add.at(found, (codes[:-1], codes[1:]), 1)
    return found


def test_shuffles_are_scored_in_the_place_of_the_sequences(data: Path, tmp_path: Path) -> None:
    plain = scored(data, tmp_path / "plain", "--formats", "")
    null = scored(data, tmp_path / "null", "--null", "--seed", 4, "--batch-size", 1, "--formats", "modisco")
    assert (null["sequences"] != plain["sequences"]).any((1, 2)).all()
    for one, other in zip(plain["sequences"], null["sequences"], strict=True):
        np.testing.assert_array_equal(pairs(one), pairs(other))
    x = null["sequences"].astype("float32")
    expected = dl.convert(data / "model.keras").compile()(x, output="logcounts").contributions
    np.testing.assert_allclose(null["contributions"], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(null["names"], plain["names"])
    for index in (1, 2):
        scored(data, tmp_path / f"{index}", "--null", "--seed", 4, "--batch-size", 1, "--shard", f"{index}/2")
    assert run("merge", tmp_path / "merged", tmp_path / "1", tmp_path / "2").exit_code == 0
    merged = arrays_in(tmp_path / "merged")
    assert all(merged[name].tobytes() == null[name].tobytes() for name in null)
    other_seed = scored(data, tmp_path / "other", "--null", "--seed", 5, "--formats", "")
    assert (other_seed["sequences"] != null["sequences"]).any()


def test_the_score_of_the_field_is_the_sum_over_bases(data: Path, tmp_path: Path) -> None:
    found = scored(data, tmp_path / "out", "--references", "dinucleotide-shuffle:3", "--formats", "")
    at_letters = (found["hypothetical"] * found["sequences"]).sum(-1)
    np.testing.assert_allclose(found["projected"], at_letters, rtol=1e-6, atol=1e-9)
    known = found["sequences"].any(-1)
    sums = found["contributions"].sum(-1)
    np.testing.assert_allclose(found["projected"][known], sums[known], rtol=1e-4, atol=1e-6)
    assert np.abs((found["contributions"] * found["sequences"]).sum(-1) - sums).max() > 1e-3  # the trap


def test_names_and_columns_of_regions_are_kept(data: Path, tmp_path: Path) -> None:
    lines = ["chr2\t100\t140\tpeak_a\t900\t+\t1.5\t2.5\t3.5\t10", "chr10\t50\t91\t.\t0\t.\t1\t2\t3\t5\textra"]
    table = tmp_path / "peaks.bed.bgz"
    table.write_bytes(gzip.compress(("chrom\tstart\tend\n" + "\n".join(lines) + "\n").encode()))
    found = scored(data, tmp_path / "out", "--formats", "", regions=table)
    assert [line.decode() for line in found["regions"]] == lines
    assert (tmp_path / "out" / "windows.narrowPeak").read_text().splitlines() == [
        "chr2\t95\t125\tpeak_a\t900\t+\t1.5\t2.5\t3.5\t15",
        "chr10\t40\t70\t1\t0\t.\t1\t2\t3\t15",
    ]
    short = tmp_path / "short.bed"
    short.write_text("chr2\t100\t140\nchr2\t150\t180\tname\n")
    scored(data, tmp_path / "short", "--formats", "", regions=short)
    assert (tmp_path / "short" / "windows.narrowPeak").read_text().splitlines() == [
        "chr2\t105\t135\t0\t0\t.\t0\t-1\t-1\t15",
        "chr2\t150\t180\tname\t0\t.\t0\t-1\t-1\t15",
    ]
    x = one_hot_slowly(letters_in(data / "genome.fa")["chr2"][95:125])
    np.testing.assert_array_equal(found["sequences"][0], x)


def test_genomes_in_other_forms_are_named_with_what_converts_them(data: Path, tmp_path: Path) -> None:
    (tmp_path / "genome.2bit").write_bytes(bytes.fromhex("4327411a") + bytes(60))
    (tmp_path / "genome.fa.gz").write_bytes(gzip.compress((data / "genome.fa").read_bytes()))
    for name, message in {
        "genome.2bit": "a 2bit file; expected FASTA: UCSC's twoBitToFa",
        "genome.fa.gz": "is plain gzip, in which no place can be looked up",
    }.items():
        given = ("-r", data / "peaks.narrowPeak", "-g", tmp_path / name, "-o", tmp_path / "out")
        result = run("score", "-m", data / "model.keras", *given)
        assert (result.exit_code, message in result.stderr, "converts it" in result.stderr) == (2, True, True)


def test_mistakes_in_regions_and_variants_are_said_before_tensorflow_starts(data: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.bed").write_text("chr2\t100\tx\n")
    (tmp_path / "bad.vcf").write_text("chr2\tten\t.\tA\tC\n")
    command = ["score", "-m", str(data / "model.keras"), "-g", str(data / "genome.fa"), "-o", str(tmp_path / "out")]
    for options, message in (
        (["-r", str(tmp_path / "bad.bed")], "line 1: expected chromosome, start and end"),
        (["-r", str(data / "peaks.narrowPeak"), "--chromosomes", "chr3"], "there are none of chr3"),
        (["--variants", str(tmp_path / "bad.vcf")], "line 1: expected chromosome, position and alleles"),
    ):
        code = (
            "import sys\nfrom deeplift_tf.cli.commands import commands\n"
            f"try:\n    commands({[*command, *options]!r})\n"
            "finally:\n    print('tensorflow' in sys.modules)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, message in done.stderr, done.stdout) == (2, True, "False\n"), done.stderr


def test_no_public_name_is_that_of_a_module() -> None:
    """A name that is imported when it is first used would become the module of that name once that is imported."""
    import pkgutil

    import deeplift_tf
    from deeplift_tf import genomics

    for package in (deeplift_tf, genomics):
        modules = {each.name for each in pkgutil.iter_modules(package.__path__)}
        assert set(package._NAMES).isdisjoint(modules)
