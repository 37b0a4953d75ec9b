"""Other methods on the command line."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import methods
from tests.cli.running import run


@pytest.mark.parametrize(
    ("given", "name", "arguments"),
    [
        (
            "integrated-gradients:steps=7,quadrature=midpoint",
            "integrated_gradients",
            {"steps": 7, "quadrature": "midpoint"},
        ),
        ("grad_cam:layer=conv", "grad_cam", {"layer": "conv"}),
        ("gradient-times-input", "gradient_times_input", {}),
    ],
)
def test_methods_are_those_of_the_library(
    files: Path, tmp_path: Path, given: str, name: str, arguments: dict[str, object]
) -> None:
    out = tmp_path / "scores.h5"
    result = run("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", out, "--method", given, "--target", 1)
    assert result.exit_code == 0, result.stderr
    expected = methods.METHODS[name](dl.convert(files / "one.keras"), np.load(files / "x.npy"), 0.0, 1, **arguments)
    with h5py.File(out) as file:
        found = file["contributions"][:]
    np.testing.assert_allclose(found, expected.contributions, atol=1e-5 * np.abs(expected.contributions).max())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("lime", "expected one of deeplift, rescale"),
        ("grad-cam", "needed is grad-cam:layer=..."),
        ("occlusion:3", "expected NAME=VALUE after the colon; received '3'"),
        ("smoothgrad:step=3", "its settings are samples, noise, seed, multiply_by_inputs; received step"),
    ],
)
def test_mistakes_end_in_one_line(files: Path, tmp_path: Path, given: str, message: str) -> None:
    out = tmp_path / "scores.h5"
    result = run("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", out, "--method", given)
    assert result.exit_code == 2 and message in result.stderr.splitlines()[-1]
    assert not out.exists()
