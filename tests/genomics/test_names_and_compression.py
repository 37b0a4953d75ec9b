"""``--names chrombpnet``: files by chrombpnet's own names; ``--compression blosc``: as the field compresses them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.command_line import run

pytest.importorskip("pyfaidx")
ASKED = ("--references", "dinucleotide-shuffle:2", "--seed", 1, "--targets", "counts,profile", "--batch-size", 1)
BLOSC = 32001  # the number of the filter, registered with the HDF Group
BESIDE = {
    "P.counts_scores.h5",
    "P.profile_scores.h5",
    "P.counts_scores.bw",
    "P.profile_scores.bw",
    "P.interpreted_regions.bed",
    "P.interpret.args.json",
}


def scored(data: Path, out: Path, *more: object, code: int = 0) -> str:
    regions = ("-r", data / "peaks.narrowPeak", "-g", data / "genome.fa")
    result = run("score", "-m", data / "model.keras", *regions, *ASKED, "--names", "chrombpnet", "-o", out, *more)
    assert result.exit_code == code, result.stderr
    return result.stderr


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_names_of_chrombpnet(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyBigWig")
    scored(data, tmp_path / "P", "--formats", "chrombpnet,bigwig,modisco")
    assert files_in(tmp_path) == BESIDE | {"P"}
    stays = {"scores.h5", "scores.h5.json", "windows.narrowPeak", "dropped_regions.bed", "ohe.npz"}
    stays |= {f"{target}.{end}" for target in ("counts", "profile") for end in ("hypothetical.npz", "stats.txt")}
    assert files_in(tmp_path / "P") == stays
    with h5py.File(tmp_path / "P" / "scores.h5") as scores:
        x, hypothetical = scores["sequences"][:], scores["hypothetical/profile"][:]
    with h5py.File(tmp_path / "P.profile_scores.h5") as file:
        np.testing.assert_array_equal(file["raw/seq"][:], x.transpose(0, 2, 1))
        np.testing.assert_array_equal(file["shap/seq"][:], hypothetical.transpose(0, 2, 1).astype(np.float16))
        projected = (x * hypothetical).transpose(0, 2, 1).astype(np.float16)
        np.testing.assert_array_equal(file["projected_shap/seq"][:], projected)
    arguments = json.loads((tmp_path / "P.interpret.args.json").read_text())
    assert (arguments["targets"], arguments["names"], arguments["seed"]) == (["counts", "profile"], "chrombpnet", 1)


def test_a_prefix_that_is_taken_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "P.counts_scores.h5").write_text("mine")
    said = scored(data, tmp_path / "P", "--formats", "chrombpnet", code=2)
    assert "P.counts_scores.h5: exists already; choose another prefix than 'P', or --overwrite" in said
    assert files_in(tmp_path) == {"P.counts_scores.h5"}
    scored(data, tmp_path / "P", "--formats", "chrombpnet", "--overwrite")
    assert (tmp_path / "P.counts_scores.h5").read_bytes()[:4] == b"\x89HDF"


def test_shards_are_put_together_by_these_names(data: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    scored(data, whole / "P", "--formats", "chrombpnet")
    for index in (1, 2):
        scored(data, parts / f"{index}", "--formats", "chrombpnet", "--shard", f"{index}/2")
    assert files_in(parts) == {"1", "2"}
    result = run("merge", parts / "P", parts / "1", parts / "2")
    assert result.exit_code == 0, result.stderr
    for name in BESIDE - {"P.counts_scores.bw", "P.profile_scores.bw", "P.interpret.args.json"}:
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name


def test_blosc(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("hdf5plugin")
    scored(data, tmp_path / "A", "--formats", "chrombpnet,bpnet")
    scored(data, tmp_path / "B", "--formats", "chrombpnet,bpnet", "--compression", "blosc")
    pairs = (
        [(f"{each}.profile_scores.h5", "shap/seq") for each in "AB"],
        [(f"{each}/counts.bpnet.h5", "hyp_scores") for each in "AB"],
    )
    for (one, name), (other, _) in pairs:
        with h5py.File(tmp_path / one) as plain, h5py.File(tmp_path / other) as packed:
            assert plain[name].id.get_create_plist().get_filter(0)[0] == h5py.h5z.FILTER_DEFLATE
            assert packed[name].id.get_create_plist().get_filter(0)[0] == BLOSC
            assert plain[name][:].tobytes() == packed[name][:].tobytes()


def test_blosc_needs_hdf5plugin(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is scored."""
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    said = scored(data, tmp_path / "P", "--compression", "blosc", code=2)
    assert "error: hdf5plugin is not installed; run: pip install 'deeplift-tf[blosc]'" in said
    assert not files_in(tmp_path)
