"""What letters become: bases, N, or an error."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from deeplift_tf.errors import InputError
from deeplift_tf.genomics import letters_of, one_hot, region_rows, sequence_rows
from deeplift_tf.sequences.alphabet import Alphabet
from tests.genomics.conftest import LENGTH
from tests.support.command_line import run

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"


def test_letters_in_lower_case_are_bases() -> None:
    x = one_hot(["ACGTacgt"])
    np.testing.assert_array_equal(x, np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3]][None])
    assert x.dtype == np.int8
    assert x.shape == (1, 8, 4)
    np.testing.assert_array_equal(one_hot(["acgt"], upper_case=True), one_hot(["ACGT"]))
    for masked in (one_hot(["ACgT"], soft_masked_as_n=True), one_hot(["ACgT"], upper_case=False)):
        assert letters_of(masked) == ["ACNT"]


def test_u_is_t_and_iupac_letters_are_n(caplog: pytest.LogCaptureFixture) -> None:
    np.testing.assert_array_equal(one_hot(["ACGUu"]), one_hot(["ACGTT"]))
    assert not caplog.text
    x = one_hot(["A" + "RYSWKMBDHVN" + "ryswkmbdhvn"])
    assert x[0, 1:].sum() == 0
    assert "22 of 23 letters (95.7 %) of 1 sequences were read as N" in caplog.text


@pytest.mark.parametrize("letter", ["E", "e", "X", "-", "*", "é", " ", "1"])
def test_any_other_letter_is_an_error_that_names_the_sequence(letter: str) -> None:
    with pytest.raises(InputError, match=r"sequence number 1: expected the letters ACGT.* at position 3 "):
        one_hot(["ACGTA", f"ACG{letter}A"])
    with pytest.raises(InputError, match="sequence peak_7: expected the letters ACGT"):
        one_hot([f"ACG{letter}A"], names=["peak_7"])


@pytest.mark.parametrize("share", [0.009, 0.011])
def test_n_is_said_from_one_percent_on(share: float, caplog: pytest.LogCaptureFixture) -> None:
    count = round(1000 * share)
    one_hot(["N" * count + "A" * (1000 - count)])
    assert ("were read as N" in caplog.text) == (share > 0.01)


@pytest.mark.parametrize(
    ("alphabet", "sequence", "channels"),
    [
        ("ACGU", "ACGUT", [0, 1, 2, 3, 3]),
        ("rna", "acgut", [0, 1, 2, 3, 3]),
        ("AGTC", "ACGTU", [0, 3, 1, 2, 2]),  # a model of another order
        ("ACGTN", "ACGTNR", [0, 1, 2, 3, 4, -1]),  # N has a channel of its own
        ("protein", AMINO_ACIDS + "XBZJUO", [*range(20), *[-1] * 6]),
        ("ARND", "ARNDn", [0, 1, 2, 3, 2]),
        ("ACGT-", "AC-T", [0, 1, 4, 3]),
    ],
)
def test_alphabets(alphabet: str, sequence: str, channels: list[int]) -> None:
    width = len(Alphabet.of(alphabet))
    expected = np.vstack([np.eye(width), np.zeros(width)])[channels]
    x = one_hot([sequence], alphabet=alphabet)
    np.testing.assert_array_equal(x[0], expected)
    assert len(letters_of(x, alphabet)[0]) == len(sequence)


@pytest.mark.parametrize("alphabet", ["A", "ACGA", "ACgc", "A T", "", "АСGТ"])
def test_what_is_no_alphabet(alphabet: str) -> None:
    with pytest.raises(InputError, match="alphabet: expected dna, rna, protein or at least two different letters"):
        one_hot(["ACGT"], alphabet=alphabet)


def test_stops_of_proteins_are_refused() -> None:
    with pytest.raises(InputError, match=r"received '\*' at position 2"):
        one_hot(["MK*"], alphabet="protein")


def test_files_say_it_once_with_the_first_rows(data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with region_rows(data / "peaks.narrowPeak", data / "genome.fa", LENGTH) as rows:
        for row in (0, 1, 0):
            _ = rows[slice(row, row + 1)]
        rows.warn()
    assert caplog.text.count("4 of 30 letters (13.3 %) of the first 1 rows were read as N") == 1
    assert caplog.text.count("were read as N") == 1
    (tmp_path / "x.fa").write_text(">first\nACGTA\n>second\nACGEA\n")
    with sequence_rows(tmp_path / "x.fa") as rows, pytest.raises(InputError, match=r"sequence second: .* position 3"):
        _ = rows[slice(0, 2)]
    (tmp_path / "y.fa").write_text(">first\nACgt\n")
    for options, letters in (({}, "ACGT"), ({"soft_masked_as_n": True}, "ACNN"), ({"upper_case": False}, "ACNN")):
        with sequence_rows(tmp_path / "y.fa", **options) as rows:  # type: ignore[arg-type]
            assert letters_of(rows[slice(0, 1)]) == [letters]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alphabets")
    rng = np.random.default_rng(0)
    for width in (4, 20):
        x = keras.Input((6, width), name="sequence")
        keras.Model(x, keras.layers.Dense(1)(keras.layers.Flatten()(x))).save(folder / f"{width}.keras")
    (folder / "protein.faa").write_text(f">p\n{''.join(rng.choice(list(AMINO_ACIDS), 6))}\n>q\nWYVKEX\n")
    (folder / "rna.fa").write_text(">r\nACGUUG\n")
    return folder


@pytest.mark.parametrize(
    ("file", "width", "options", "message"),
    [
        ("protein", 4, [], "sequence p: expected the letters ACGT"),
        (
            "protein",
            4,
            ["--alphabet", "protein"],
            "has the 20 letters ACDEFGHIKLMNPQRSTVWY on axis -1, such as shape (None, length, 20)",
        ),
        ("rna", 20, [], "has the 4 letters ACGT on axis -1, such as shape (None, length, 4)"),
        ("rna", 4, ["--alphabet", "AA"], "alphabet: expected dna, rna, protein"),
        ("rna", 4, ["--alphabet", "ATCG", "--reverse-complement"], "their own complements in reverse"),
        ("rna", 4, ["--alphabet", "ATCG", "--references", "gc-content"], "gc-content: expected bases as ACGT"),
        ("rna", 4, ["--alphabet", "AGCT", "--formats", "modisco"], "modisco: expected the letters ACGT"),
    ],
)
def test_one_line_for_a_mistake(
    models: Path, tmp_path: Path, file: str, width: int, options: list[str], message: str
) -> None:
    out = tmp_path / "out"
    result = run("score", "-m", models / f"{width}.keras", "-i", next(models.glob(f"{file}.fa*")), "-o", out, *options)
    assert (result.exit_code, message in result.stderr.splitlines()[-1]) == (2, True), result.stderr
    assert not list(tmp_path.iterdir()) or file == "protein"


def test_proteins_on_the_command_line(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("score", "-m", models / "20.keras", "-i", models / "protein.faa", "-o", out, "--alphabet", "protein")
    result = run(*command)
    assert result.exit_code == 0, result.stderr
    assert {path.suffix for path in out.iterdir()} == {".h5", ".json", ".bed", ".narrowPeak"}
    with h5py.File(out / "scores.h5") as file:
        np.testing.assert_array_equal(file["sequences"][1].argmax(-1)[:5], [18, 19, 17, 8, 3])
        assert file["sequences"][1][5].sum() == 0
    pytest.importorskip("matplotlib")
    assert run("plot", out / "scores.h5", "-o", tmp_path / "logo.png", "--rows", "0,1").exit_code == 0


def test_rna_and_dna_give_the_same_scores(models: Path, tmp_path: Path) -> None:
    (tmp_path / "dna.fa").write_text(">r\nacGTTG\n")
    found = []
    for name, path in {"rna": models / "rna.fa", "dna": tmp_path / "dna.fa"}.items():
        result = run("score", "-m", models / "4.keras", "-i", path, "-o", tmp_path / name, "--alphabet", name)
        assert result.exit_code == 0, result.stderr
        with h5py.File(tmp_path / name / "scores.h5") as file:
            found.append(file["contributions"][:])
    np.testing.assert_array_equal(*found)
    assert np.abs(found[0]).sum() > 0


def test_one_str_is_one_sequence() -> None:
    np.testing.assert_array_equal(one_hot("ACGT"), np.eye(4)[None])
    assert one_hot("").shape == (1, 0, 4)
    with pytest.raises(InputError, match="sequence chr7: expected the letters ACGT"):
        one_hot("AC!T", names="chr7")
