"""Variants: windows of both alleles by hand, contributions that sum to the effect, tables, shards, resumed runs."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.genomics import read_variants
from deeplift_tf.genomics.effects import effects
from tests.genomics.conftest import LENGTH, letters_in, one_hot_slowly
from tests.genomics.test_folds import arrays_in
from tests.support.command_line import interrupted, run

pytest.importorskip("pyfaidx")

HALF = LENGTH // 2

Site = tuple[str, int, str, str]


@pytest.fixture(scope="module")
def genome(data: Path) -> dict[str, str]:
    return {name: text.upper() for name, text in letters_in(data / "genome.fa").items()}


def other(letter: str) -> str:
    return "ACGT"[("ACGT".index(letter) + 1) % 4]


@pytest.fixture(scope="module")
def sites(genome: dict[str, str]) -> list[Site]:
    """Chromosome, position from 1, reference and alternative alleles: letters, an insertion, deletions, several."""
    two, ten = genome["chr2"], genome["chr10"]
    return [
        ("chr2", 101, two[100], other(two[100])),
        ("chr2", 121, two[120], two[120] + "GATTA"),
        ("chr2", 141, two[140:146], two[140]),
        ("chr10", 61, ten[60:62], "".join(map(other, ten[60:62]))),
        ("chr10", 81, ten[80], ",".join([other(ten[80]), other(other(ten[80])), ten[80] + "C"])),
        ("chr10", 91, ten[90], f"<DEL>,{other(ten[90])}"),
    ]


WRONG = [("chr2", 161, "", "A"), ("chr2", 5, "", "G"), ("chr9", 50, "A", "C")]


@pytest.fixture(scope="module")
def vcf(genome: dict[str, str], sites: list[Site], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("variants") / "sites.vcf"
    wrong = [(c, p, r or (other(genome[c][p - 1]) if p == 161 else genome[c][p - 1]), a) for c, p, r, a in WRONG]
    wrong[0] = (*wrong[0][:3], genome["chr2"][160])
    lines = [f"{c}\t{p}\trs{i}\t{r}\t{a}\t.\tPASS\t.\n" for i, (c, p, r, a) in enumerate([*sites, *wrong])]
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    path.write_text(head + "".join(lines))
    return path


def windows(genome: dict[str, str], sites: list[Site]) -> tuple[np.ndarray, np.ndarray]:
    """Return one-hot windows of the reference and of every alternative allele of letters, spelled out."""
    both: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for chrom, position, reference, alternatives in sites:
        text, site = genome[chrom], position - 1
        for alternative in alternatives.split(","):
            if alternative.startswith("<"):
                continue
            for found, allele in zip(both, (reference, alternative), strict=True):
                letters = text[site - HALF : site] + allele + text[site + len(reference) : site + 3 * LENGTH]
                found.append(one_hot_slowly(letters[:LENGTH]))
    return np.stack(both[0]), np.stack(both[1])


def scored(data: Path, vcf: Path, out: Path, *options: object, model: str = "model.keras") -> dict[str, np.ndarray]:
    result = run("score", "-m", data / model, "--variants", vcf, "-g", data / "genome.fa", "-o", out, *options)
    assert result.exit_code == 0, result.stderr
    return arrays_in(out)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(-1, keepdims=True)


def test_contributions_sum_to_the_effect(
    data: Path, vcf: Path, genome: dict[str, str], sites: list[Site], tmp_path: Path
) -> None:
    import keras

    found = scored(data, vcf, tmp_path / "out", "--targets", "counts,profile", "--batch-size", 3)
    before, after = windows(genome, sites)
    np.testing.assert_array_equal(found["reference_sequences"], before)
    np.testing.assert_array_equal(found["sequences"], after)
    model = keras.models.load_model(data / "model.keras")
    (ref_profile, ref_counts), (alt_profile, alt_counts) = ([y.numpy() for y in model(x)] for x in (before, after))
    effect = (alt_counts - ref_counts)[:, 0]
    assert np.abs(effect).min() > 1e-4
    np.testing.assert_allclose(found["outputs/counts"] - found["reference_outputs/counts"], effect, atol=1e-6)
    np.testing.assert_allclose(found["contributions/counts"].sum((1, 2)), effect, rtol=1e-5, atol=1e-6)
    weights = softmax(alt_profile) - 1 / alt_profile.shape[1]  # held at the alternative allele's
    change = (weights * (alt_profile - ref_profile)).sum(1)
    np.testing.assert_allclose(found["contributions/profile"].sum((1, 2)), change, rtol=1e-5, atol=1e-6)
    assert not found["contributions/counts"][:, :HALF].any()  # left of the site both alleles are the same
    for allele, profile, counts in (("reference", ref_profile, ref_counts), ("alternative", alt_profile, alt_counts)):
        np.testing.assert_allclose(found[f"predictions/{allele}/logits_profile"], profile, atol=1e-6)
        np.testing.assert_allclose(found[f"predictions/{allele}/logcounts"], counts, atol=1e-6)
    np.testing.assert_allclose(found["effects/logfc"], effect / np.log(2), rtol=1e-4, atol=1e-6)
    p, q = softmax(ref_profile), softmax(alt_profile)
    bits = [(a * np.log2(2 * a / (p + q))).sum(1) for a in (p, q)]
    np.testing.assert_allclose(found["effects/jsd"], np.sqrt(sum(bits) / 2), rtol=1e-3, atol=1e-5)


def test_the_table_and_the_variants_that_are_not_scored(data: Path, vcf: Path, tmp_path: Path) -> None:
    found = scored(data, vcf, tmp_path / "out", "--target", "counts")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("scores.h5", "scores.h5.json", "variants.tsv", "dropped_variants.tsv")
    }
    head, *lines = (line.split("\t") for line in (tmp_path / "out" / "variants.tsv").read_text().splitlines())
    assert head == ["chr", "pos", "id", "ref", "alt", "counts.ref", "counts.alt", "counts.difference", "logfc", "jsd"]
    assert [line[2] for line in lines] == ["rs0", "rs1", "rs2", "rs3", "rs4", "rs4", "rs4", "rs5"]
    values = np.array([[float(each) for each in line[5:]] for line in lines])
    np.testing.assert_allclose(values[:, 0], found["reference_outputs"], rtol=1e-6)
    np.testing.assert_allclose(values[:, 2], found["contributions"].sum((1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values[:, 3], found["effects/logfc"], rtol=1e-6)
    names = [name.decode() for name in found["names"]]
    assert names[0] == f"{lines[0][0]}:{lines[0][1]}:{lines[0][3]}>{lines[0][4]}"
    _, *dropped = (line.split("\t") for line in (tmp_path / "out" / "dropped_variants.tsv").read_text().splitlines())
    assert [(line[2], line[5].partition(",")[0]) for line in dropped] == [
        ("rs5", "its alternative allele is <DEL>"),
        ("rs6", f"the reference allele is {dropped[1][3]}"),
        ("rs7", "its window"),
        ("rs8", "the genome has no chromosome chr9"),
    ]


def test_each_allele_is_scored_against_the_same_references(data: Path, vcf: Path, tmp_path: Path) -> None:
    shuffles = ("--alleles", "--references", "dinucleotide-shuffle:3", "--seed", 2)
    found = scored(data, vcf, tmp_path / "out", "--target", "counts", "--batch-size", 2, *shuffles)
    before, after = found["reference_sequences"].astype("float32"), found["sequences"].astype("float32")
    common = dl.references.dinucleotide_shuffle(3, 2)(before)
    score = dl.convert(data / "model.keras").compile()
    for allele, x in (("reference", before), ("alternative", after)):
        expected = score(x, common, output="logcounts").contributions
        np.testing.assert_allclose(found[f"alleles/{allele}"], expected, rtol=1e-4, atol=1e-6)
    difference = found["alleles/alternative"] - found["alleles/reference"]
    effect = found["outputs"] - found["reference_outputs"]
    np.testing.assert_allclose(difference.sum((1, 2)), effect, rtol=1e-4, atol=2e-6)


def test_both_strands_are_the_mean_of_the_two(data: Path, vcf: Path, tmp_path: Path) -> None:
    found = scored(data, vcf, tmp_path / "out", "--target", "counts", "--reverse-complement")
    before, after = found["reference_sequences"].astype("float32"), found["sequences"].astype("float32")
    network = dl.convert(data / "model.keras")
    score = network.compile()
    one = score(after, before, output="logcounts").contributions
    other_strand = score(after[:, ::-1, ::-1], before[:, ::-1, ::-1], output="logcounts").contributions
    np.testing.assert_allclose(found["contributions"], (one + other_strand[:, ::-1, ::-1]) / 2, rtol=1e-4, atol=1e-6)
    effect = found["outputs"] - found["reference_outputs"]
    np.testing.assert_allclose(found["contributions"].sum((1, 2)), effect, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["effects/logfc"], effect / np.log(2), rtol=1e-3, atol=1e-6)


def test_shards_folds_and_resumed_runs_are_the_whole_to_the_byte(
    data: Path, vcf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    model = keras.models.load_model(data / "model.keras")
    model.set_weights([w * 1.5 for w in model.get_weights()])
    model.save(tmp_path / "fold1.keras")
    folds = ("-m", tmp_path / "fold1.keras", "--fold-spread", "--alleles", "--references", "dinucleotide-shuffle:2")
    asked = (*folds, "--targets", "counts,profile", "--batch-size", 2)
    whole = scored(data, vcf, tmp_path / "whole", *asked)
    assert {"spread/counts", "alleles/alternative/profile", "effects/jsd"} <= whole.keys()
    for index in (1, 2):
        scored(data, vcf, tmp_path / f"part{index}", *asked, "--shard", f"{index}/2")
    merged = run("merge", tmp_path / "merged", tmp_path / "part1", tmp_path / "part2")
    assert merged.exit_code == 0, merged.stderr
    command = ("score", "-m", data / "model.keras", "--variants", vcf, "-g", data / "genome.fa")
    assert interrupted(monkeypatch, *command, *asked, "-o", tmp_path / "resumed") >= 2
    assert "of them by an earlier run" in run(*command, *asked, "-o", tmp_path / "resumed").stdout
    for name in ("merged", "resumed"):
        found = arrays_in(tmp_path / name)
        assert found.keys() == whole.keys()
        assert all(found[key].tobytes() == whole[key].tobytes() for key in whole)
        for table in ("variants.tsv", "dropped_variants.tsv"):
            assert (tmp_path / name / table).read_bytes() == (tmp_path / "whole" / table).read_bytes()


def test_tables_say_the_same_as_vcf(vcf: Path, tmp_path: Path) -> None:
    expected = [each._replace(line=0) for each in read_variants(vcf)[0]]
    rows = [line.split("\t")[:5] for line in vcf.read_text().splitlines() if not line.startswith("#")]
    tables = {
        "named.tsv": ["chr\tpos\tallele1\tallele2\tvariant_id", *("\t".join([*r[:2], *r[3:], r[2]]) for r in rows)],
        "plain.tsv": ["\t".join(r) for r in rows],
    }
    for name, lines in tables.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        assert [each._replace(line=0) for each in read_variants(tmp_path / name)[0]] == expected
    (tmp_path / "short.tsv").write_text("".join("\t".join([*r[:2], *r[3:]]) + "\n" for r in rows))
    found = read_variants(tmp_path / "short.tsv")[0]
    assert [each._replace(line=0) for each in found] == [each._replace(name="") for each in expected]
    (tmp_path / "sites.vcf.gz").write_bytes(gzip.compress(vcf.read_bytes()))
    assert [each._replace(line=0) for each in read_variants(tmp_path / "sites.vcf.gz")[0]] == expected


def test_effects_by_hand() -> None:
    shapes = {"profile": (None, 4), "counts": (None, 2)}
    one = {"profile": np.log([[0.25, 0.25, 0.25, 0.25]]), "counts": np.log([[3.0, 5.0]])}
    two = {"profile": np.log([[1.0, 1e-30, 1e-30, 1e-30]]), "counts": np.log([[6.0, 10.0]])}
    found = effects(one, two, shapes)
    assert found["logfc"] == pytest.approx([1.0])  # 16 counts against 8
    middle = np.array([0.625, 0.125, 0.125, 0.125])
    entropy = -(middle * np.log2(middle)).sum()
    assert found["jsd"] == pytest.approx([np.sqrt(entropy - 2 / 2 - 0 / 2)], rel=1e-5)
    assert effects({"tasks": one["counts"]}, {"tasks": two["counts"]}, {"tasks": (None, 2)}) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variants", "{}/sites.vcf"], "and so do --variants and a genome"),
        (["--variants", "{}/no.vcf", "-g", "{}/genome.fa"], "no.vcf: no such file"),
        (["--variants", "{}/genome.fa", "-g", "{}/genome.fa"], "line 1: expected VCF, or a table"),
        (
            ["--variants", "{}/a.tsv", "-g", "{}/genome.fa"],
            "the variants name '2' and the genome 'chr2': change",
        ),
        (["--variants", "{}/a.tsv", "-g", "{}/genome.fa", "--references", "zeros"], "with --alleles each allele"),
        (["--variants", "{}/a.tsv", "-g", "{}/genome.fa", "--formats", "bigwig"], "--formats is for sequences"),
        (["--variants", "{}/a.tsv", "-g", "{}/genome.fa", "--null"], "--null is for sequences and regions"),
        (["-r", "{}/peaks.narrowPeak", "-g", "{}/genome.fa", "--alleles"], "--alleles is for variants"),
    ],
)
def test_mistakes(data: Path, tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "a.tsv").write_text("2\t101\tA\tC\n")
    given = [str(tmp_path / "a.tsv") if each == "{}/a.tsv" else each.replace("{}", str(data)) for each in options]
    result = run("score", "-m", data / "tasks.keras", "-o", tmp_path / "out", *given)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "out").exists()


def test_variants_are_chosen_as_regions_are(data: Path, vcf: Path, tmp_path: Path) -> None:
    (tmp_path / "black.bed").write_text("chr10\t60\t61\n")
    chosen = ("--chromosomes", "chr10", "--exclude", tmp_path / "black.bed", "--first", 2, "--target", 1)
    found = scored(data, vcf, tmp_path / "out", *chosen, model="tasks.keras")
    assert [name.decode().split(":")[1] for name in found["names"]] == ["81", "81"]
    assert "effects/logfc" not in found


@pytest.mark.parametrize("alleles", [(), ("--alleles", "--references", "dinucleotide-shuffle:2")])
def test_a_picture_of_a_variant_has_both_alleles_and_the_difference(
    data: Path, vcf: Path, tmp_path: Path, alleles: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    from deeplift_tf import plots
    from deeplift_tf.plots import variant as drawn

    found = scored(data, vcf, tmp_path / "out", "--target", "counts", "--first", 2, *alleles)
    seen: list[dict[str, np.ndarray]] = []
    draw = plots.logo

    def logo(tracks: dict[str, np.ndarray], **options: Any) -> Any:
        seen.append(tracks)
        return draw(tracks, **options)

    monkeypatch.setattr(sys.modules[drawn.__module__], "logo", logo)
    result = run("plot", tmp_path / "out" / "scores.h5", "-o", tmp_path / "variant.png")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "variant.png").stat().st_size > 5000
    assert [list(each) for each in seen] == [["reference allele", "alternative allele", "difference"]] * 2
    effect = found["outputs"] - found["reference_outputs"]
    sums = [each["difference"].sum() for each in seen]
    np.testing.assert_allclose(sums, effect, rtol=1e-4, atol=2e-6)
    if alleles:
        heights = seen[1]["alternative allele"].sum(-1)
        np.testing.assert_allclose(heights, found["alleles/alternative"][1].sum(-1), atol=1e-6)
    refused = run("plot", tmp_path / "out" / "scores.h5", "--as", "bars", "--as", "logo", "-o", tmp_path / "b.png")
    assert "--as is given 2 times" in refused.stderr


@pytest.mark.slow
def test_ray_scores_variants_to_the_byte(data: Path, vcf: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    asked = ("--targets", "counts,profile", "--batch-size", 2, "--alleles", "--references", "dinucleotide-shuffle:2")
    whole = scored(data, vcf, tmp_path / "whole", *asked)
    found = scored(data, vcf, tmp_path / "ray", *asked, "--engine", "ray", "--workers", 1)
    assert found.keys() == whole.keys()
    assert all(found[name].tobytes() == whole[name].tobytes() for name in whole)
