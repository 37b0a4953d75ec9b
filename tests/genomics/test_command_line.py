from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import genomics
from tests.genomics.conftest import LENGTH, letters_in, one_hot_slowly
from tests.support.command_line import interrupted, run

pytest.importorskip("pyfaidx")
KEPT = [("chr1", 27), ("chr2", 95), ("chr2", 115), ("chr10", 55)]
ALWAYS = {"scores.h5", "scores.h5.json", "interpreted_regions.bed", "windows.narrowPeak"}


def of_regions(data: Path, out: Path, *more: object, model: str = "model.keras") -> None:
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa", "-c", data / "chrom.sizes")
    result = run("score", "-m", data / model, *regions, "-o", out, *more)
    assert result.exit_code == 0, result.stderr


def sequences(data: Path) -> np.ndarray:
    letters = letters_in(data / "genome.fa")
    return np.stack([one_hot_slowly(letters[chrom][start : start + LENGTH]) for chrom, start in KEPT])


def test_from_peaks_to_every_file(data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pybigwig = pytest.importorskip("pyBigWig")
    out = tmp_path / "out"
    shuffles = ("--references", "dinucleotide-shuffle:3", "--seed", 1)
    of_regions(data, out, *shuffles, "--targets", "counts,profile", "--batch-size", 3)
    assert "4 of 90 letters (4.4 %) of the first 3 rows were read as N" in caplog.text
    each = ("hypothetical.npz", "chrombpnet.h5", "bpnet.h5", "bw", "stats.txt")
    wanted = {f"{target}.{ending}" for target in ("counts", "profile") for ending in each}
    assert {path.name for path in out.iterdir()} == wanted | ALWAYS | {"ohe.npz", "dropped_regions.bed"}

    x = sequences(data)
    score = dl.convert(data / "model.keras").compile()
    for target, output in (("counts", "logcounts"), ("profile", "logits_profile")):
        scores = score(
            x,
            references=dl.references.dinucleotide_shuffle(3, seed=1),
            target=getattr(genomics, target),
            output=output,
            hypothetical=True,
        )
        close = {"rtol": 1e-4, "atol": 1e-6 * np.abs(scores.hypothetical).max()}  # float32, batches of another size
        with np.load(out / f"{target}.hypothetical.npz") as file:
            np.testing.assert_allclose(file["arr_0"], scores.hypothetical.transpose(0, 2, 1), **close)
        with h5py.File(out / "scores.h5") as file:
            np.testing.assert_allclose(file[f"contributions/{target}"][:], scores.contributions, **close)
            np.testing.assert_array_equal(file["sequences"][:], x)
        with h5py.File(out / f"{target}.bpnet.h5") as file:
            assert list(zip(file["coords_chrom"].asstr()[:], file["coords_start"][:], strict=True)) == KEPT
        values = (x * scores.hypothetical).sum(-1)
        bigwig = pybigwig.open(str(out / f"{target}.bw"))
        assert list(bigwig.chroms()) == ["chr1", "chr2", "chr10"]
        np.testing.assert_allclose(bigwig.values("chr10", 55, 85), values[3], **close)
        np.testing.assert_allclose(bigwig.values("chr2", 95, 145), np.r_[values[1, :25], values[2, 5:]], **close)
        bigwig.close()
    with np.load(out / "ohe.npz") as file:
        np.testing.assert_array_equal(file["arr_0"], x.transpose(0, 2, 1))
    lines = (data / "peaks.narrowPeak").read_text().splitlines()[1:]
    assert (out / "interpreted_regions.bed").read_text().splitlines() == [lines[row] for row in (0, 1, 2, 4)]
    assert (out / "dropped_regions.bed").read_text().splitlines() == [lines[row] for row in (3, 5, 6)]
    arguments = json.loads((out / "scores.h5.json").read_text())["arguments"]
    assert (arguments["references"], arguments["seed"]) == ("dinucleotide-shuffle:3", 1)


def test_one_target_of_a_fasta_file_on_both_strands(data: Path, tmp_path: Path) -> None:
    result = run(
        *("score", "-m", data / "tasks.keras", "-i", data / "sequences.fa", "-o", tmp_path / "out"),
        *("--target", 2, "--references", 0.25, "--reverse-complement", "--formats", "modisco"),
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("40 rows in ")
    assert {path.name for path in (tmp_path / "out").iterdir()} == ALWAYS | {"ohe.npz", "target_2.hypothetical.npz"}
    x = np.stack([one_hot_slowly(each) for each in letters_in(data / "sequences.fa").values()])
    both = genomics.both_strands(dl.convert(data / "tasks.keras").compile())
    scores = both(x, references=0.25, target=2, hypothetical=True)
    with h5py.File(tmp_path / "out" / "scores.h5") as file:
        np.testing.assert_allclose(file["contributions"][:], scores.contributions, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(file["outputs"][:], scores.outputs, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "known"),
    [([], LENGTH - 4), (["--upper-case"], LENGTH - 4), (["--soft-masked-as-n"], LENGTH - 8)],  # nnNNacgt
)
def test_lower_case_is_bases_unless_it_is_masked(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, options: list[str], known: int
) -> None:
    of_regions(data, tmp_path / "out", *options, "--formats", "", model="tasks.keras")
    with h5py.File(tmp_path / "out" / "scores.h5") as file:
        assert file["sequences"][0].sum() == known
    assert f"{LENGTH - known} of {4 * LENGTH} letters" in caplog.text
    assert ("lower case" in caplog.text) == ("--soft-masked-as-n" in options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-r", "{}/peaks.narrowPeak"], "regions (-r) and a genome (-g) go together"),
        (["-r", "{}/no.bed", "-g", "{}/genome.fa"], "no.bed: no such file"),
        (["-r", "{}/peaks.narrowPeak", "-g", "{}/no.fa"], "no.fa: no such file"),
        (["-i", "{}/sequences.fa", "--length", "7"], "the model takes sequences of 30"),
        (["-i", "{}/genome.fa"], "expected sequences of 30 letters; 3 of 3"),
        (["-i", "{}/sequences.fa", "--formats", "wig"], "'wig' is no format"),
        (["-i", "{}/sequences.fa", "--references", "dinucleotide-shuffle:some"], "dinucleotide-shuffle"),
        (["-i", "{}/sequences.fa", "--references", "shuffel:3"], "or a name: zeros, constant"),
        (["-i", "{}/sequences.fa", "--targets", "0,9"], "received (9,)"),
        (["-i", "{}/sequences.fa", "-r", "{}/peaks.narrowPeak"], "give either what is scored, -i, or regions, -r"),
        ([], "give either what is scored, -i, or regions, -r"),
    ],
)
def test_one_line_for_a_mistake(data: Path, tmp_path: Path, options: list[str], message: str) -> None:
    given = [option.replace("{}", str(data)) for option in options]
    result = run("score", "-m", data / "tasks.keras", "-o", tmp_path / "out", *given)
    assert result.exit_code == 2, result.output
    assert message in result.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_files_that_are_not_what_they_should_be(data: Path, tmp_path: Path) -> None:
    (tmp_path / "gap.fa").write_text(">a\n" + "A" * LENGTH + "\n\n\n>b\n" + "C" * LENGTH + "\n")
    (tmp_path / "random.sizes").write_bytes(b"chr1\xe5\t\x00")
    command = ("score", "-m", data / "tasks.keras", "-o", tmp_path / "out")
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa", "-c", tmp_path / "random.sizes")
    for options, message in {
        ("-i", tmp_path / "gap.fa"): "gap.fa: expected FASTA, or FASTA compressed by bgzip; ",
        regions: "random.sizes: expected lines of text, a chromosome and its length; ",
    }.items():
        result = run(*command, *options)
        assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "out").exists()


def test_a_bigwig_that_could_not_be_written_is_refused_before_anything_is_scored(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyBigWig")
    (tmp_path / "few.sizes").write_text("chr1\t120\nchr2\t300\n")
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa", "-c", tmp_path / "few.sizes")
    result = run("score", "-m", data / "tasks.keras", *regions, "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "error: bigWig: the lengths of these chromosomes are not known: chr10",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["few.sizes"]


def test_an_output_that_is_there_is_kept_unless_told_otherwise(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    command = ("score", "-m", data / "tasks.keras", "-i", data / "sequences.fa", "-o", out, "--formats", "")
    refused = run(*command)
    assert (refused.exit_code, "exists already" in refused.stderr) == (2, True)
    refused = run(*command, "--overwrite")
    assert (refused.exit_code, "holds files but no scores.h5" in refused.stderr) == (2, True)
    assert (out / "mine.txt").read_text() == "keep"
    (out / "scores.h5").touch()  # as an earlier run leaves it
    assert run(*command, "--overwrite").exit_code == 0
    assert {path.name for path in out.iterdir()} == ALWAYS
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_merged_shards_are_the_folder_of_the_run_in_one_piece(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shuffles = ("--references", "dinucleotide-shuffle:3", "--targets", "counts,profile", "--batch-size", 1)
    of_regions(data, tmp_path / "whole", *shuffles)
    for index in (1, 2):
        of_regions(data, tmp_path / f"part.{index}", *shuffles, "--shard", f"{index}/2")
        assert {path.name for path in (tmp_path / f"part.{index}").iterdir()} == {"scores.h5", "scores.h5.json"}
    assert caplog.text.count("4 of 30 letters (13.3 %) of the first 1 rows") == 2  # by the whole run, and by one shard
    result = run("merge", tmp_path / "out", tmp_path / "part.1", tmp_path / "part.2")
    assert result.exit_code == 0, result.stderr
    whole, merged = ({path.name: path for path in (tmp_path / name).iterdir()} for name in ("whole", "out"))
    assert whole.keys() == merged.keys()
    for name in whole:
        if name.endswith(".h5"):
            with h5py.File(whole[name]) as one, h5py.File(merged[name]) as other:
                one.visititems(lambda key, item, other=other: key in other or pytest.fail(key))
                for key in ("raw/seq", "shap/seq", "hyp_scores", "contributions/counts", "hypothetical/profile"):
                    assert (key in one) == (key in other)
                    if key in one:
                        assert one[key][:].tobytes() == other[key][:].tobytes()
        elif name.endswith(".npz"):
            assert np.load(whole[name])["arr_0"].tobytes() == np.load(merged[name])["arr_0"].tobytes()
        elif not name.endswith(".json"):
            assert whole[name].read_bytes() == merged[name].read_bytes()


def test_a_run_goes_on_for_other_files_beside_its_scores(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores depend on neither --formats nor -c, and the scores are those of the run that was not interrupted."""
    pytest.importorskip("pyBigWig")
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa", "--target", "counts", "--batch-size", 1)
    command = ("score", "-m", data / "model.keras", *regions)
    done = interrupted(monkeypatch, *command, "-o", tmp_path / "out", "--formats", "modisco,bpnet")
    (tmp_path / "other.sizes").write_text("chr10\t200\nchr1\t120\nchr2\t300\nchr3\t7\n")
    other = ("--formats", "bigwig", "-c", tmp_path / "other.sizes")
    result = run(*command, "-o", tmp_path / "out", *other)
    assert f"4 rows, {done} of them by an earlier run, in " in result.stdout, result.stderr
    assert run(*command, "-o", tmp_path / "whole", *other).exit_code == 0
    whole, found = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("whole", "out"))
    assert found.keys() == whole.keys() == ALWAYS | {"counts.bw", "counts.stats.txt", "dropped_regions.bed"}
    for name in whole.keys() - {"scores.h5.json"}:  # which has the name of the output
        assert found[name] == whole[name], name


def test_shards_are_merged_into_what_the_first_asks_for(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyBigWig")
    parts = [tmp_path / "part.1", tmp_path / "part.2"]
    for index, part in enumerate(parts, 1):
        more = ("--formats", ("bigwig", "bpnet")[index - 1], "--batch-size", 2, "--shard", f"{index}/2")
        of_regions(data, part, *more, model="tasks.keras")
    assert run("merge", tmp_path / "out", *parts).exit_code == 0
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == ALWAYS | {"target_0.bw", "target_0.stats.txt", "dropped_regions.bed"}
    (parts[0] / "scores.h5.json").unlink()
    result = run("merge", tmp_path / "again", *parts)
    assert (result.exit_code, "scores.h5.json: expected what `deeplift-tf score` notes" in result.stderr) == (2, True)


def test_shards_are_not_merged_with_regions_that_have_changed(data: Path, tmp_path: Path) -> None:
    peaks, parts = tmp_path / "peaks.narrowPeak", [tmp_path / "part.1", tmp_path / "part.2"]
    lines = (data / "peaks.narrowPeak").read_text()
    peaks.write_text(lines)
    for index, part in enumerate(parts, 1):
        source = ("-m", data / "tasks.keras", "-r", peaks, "-g", data / "genome.fa", "-o", part)
        assert run("score", *source, "--formats", "", "--batch-size", 2, "--shard", f"{index}/2").exit_code == 0
    peaks.write_text(lines.replace("\t100\t140", "\t101\t141"))
    result = run("merge", tmp_path / "out", *parts)
    assert (result.exit_code, "peaks.narrowPeak: is not the file that the shards" in result.stderr) == (2, True)
    peaks.unlink()
    assert "peaks.narrowPeak: no such file" in run("merge", tmp_path / "out", *parts).stderr
    assert not (tmp_path / "out").exists()


def test_sequences_of_another_length_are_skipped_where_that_is_wanted(data: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.fa"
    mixed.write_text((data / "sequences.fa").read_text() + ">short\nACGT\n")
    command = ("score", "-m", data / "tasks.keras", "-i", mixed, "-o", tmp_path / "out", "--formats", "")
    refused = run(*command)
    assert (refused.exit_code, "'short' has 4" in refused.stderr) == (2, True)
    assert "or leave them out with --on-error skip" in refused.stderr
    result = run(*command, "--on-error", "skip")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out" / "dropped_regions.bed").read_text() == "short\t0\t4\n"
    with h5py.File(tmp_path / "out" / "scores.h5") as file:
        assert file["contributions"].shape == (40, LENGTH, 4)


def test_the_same_seed_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    shuffles = ("--references", "dinucleotide-shuffle:3", "--target", "profile", "--formats", "")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        of_regions(data, tmp_path / name, *shuffles, "--seed", seed)
    found = {}
    for name in "abc":
        with h5py.File(tmp_path / name / "scores.h5") as file:
            found[name] = file["contributions"][:].tobytes()
    assert found["a"] == found["b"] != found["c"]
