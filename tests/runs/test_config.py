"""The configuration of a run, and what a file of scores notes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deeplift_tf.errors import InputError
from deeplift_tf.runs.config import RunConfig, is_fasta
from deeplift_tf.runs.formats import Formats
from deeplift_tf.runs.inputs import ArrayFile, Pictures, Sequences, input_of

NOTED: dict[str, Any] = {
    "input": None,
    "regions": "peaks.bed",
    "genome": "hg38.fa",
    "chromosomes": ["chr1", "chr3"],
    "exclude": "black.bed",
    "seed": 7,
    "on_error": "skip",
    "targets": [[3, 0], "counts"],
    "target": 0,
    "formats": ["modisco", "bigwig"],
    "chrom_sizes": None,
    "batch_size": 32,
}


def test_what_was_noted_is_read_back() -> None:
    config = RunConfig.recorded(json.loads(json.dumps(NOTED)))
    assert config == RunConfig(
        regions=Path("peaks.bed"),
        genome=Path("hg38.fa"),
        chromosomes=("chr1", "chr3"),
        exclude=Path("black.bed"),
        seed=7,
        on_error="skip",
        targets=((3, 0), "counts"),
        formats=("modisco", "bigwig"),
    )
    assert config.labels == ["target_3_0", "counts"]


@pytest.mark.parametrize(("target", "expected"), [(0, (0,)), ([3, 0], ((3, 0),)), ("counts", ("counts",))])
def test_one_target(target: Any, expected: tuple[Any, ...]) -> None:
    assert RunConfig.recorded({"input": "x.npy", "target": target, "targets": []}).targets == expected


def test_an_earlier_version_noted_less() -> None:
    assert RunConfig.recorded({"input": "x.npy"}) == RunConfig(input=Path("x.npy"))


@pytest.mark.parametrize(
    "arguments", [{"input": 3}, {"input": "x.npy", "formats": 3}, {}, {"input": "x.npy", "regions": "r.bed"}]
)
def test_what_no_run_notes_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="the arguments of a run: expected"):
        RunConfig.recorded(arguments)


def test_what_is_scored() -> None:
    assert input_of(RunConfig(input=Path("x.npz"), dataset="x")) == ArrayFile(Path("x.npz"), "x")
    assert input_of(RunConfig(input=Path("x.png"), preprocess="unit")) == Pictures(Path("x.png"), "unit")
    assert input_of(RunConfig(input=Path("x.fa.gz"), seed=3)) == Sequences(Path("x.fa.gz"))
    assert input_of(RunConfig(input=Path("x.fa"), seed=3, null=True)) == Sequences(Path("x.fa"), null=3)
    found = input_of(RunConfig.recorded(NOTED))
    assert isinstance(found, Sequences)
    assert found.skip
    assert found.selection == {"chromosomes": ("chr1", "chr3"), "exclude": Path("black.bed"), "seed": 7}


def test_formats() -> None:
    regions = RunConfig.recorded(NOTED)
    assert Formats.of(regions).names == ["modisco", "bigwig"]
    assert Formats.of(RunConfig(input=Path("x.fa"), formats=("modisco", "bigwig"))).names == ["modisco"]
    assert Formats.of(RunConfig(variants=Path("v.vcf"), formats=("modisco",))).names == ()


def test_names_of_fasta() -> None:
    assert [name for name in ("a.FA", "a.fasta.gz", "a.faa.bgz", "a.npy", "fa") if is_fasta(Path(name))] == [
        *("a.FA", "a.fasta.gz", "a.faa.bgz")
    ]
