"""Other methods on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import methods
from tests.support.command_line import run

GIVEN: dict[str, dict[str, Any]] = {
    "deeplift": {},
    "rescale": {},
    "reveal-cancel": {},
    "gradient": {},
    "gradient-times-input": {},
    "guided-backprop": {},
    "deconvnet:multiply-by-inputs=true": {"multiply_by_inputs": True},
    "smoothgrad:5,noise=0.1,seed=3": {"samples": 5, "noise": 0.1, "seed": 3},
    "integrated-gradients:7,quadrature=midpoint": {"steps": 7, "quadrature": "midpoint"},
    "expected-gradients:samples=3": {"samples": 3},
    "deep-shap": {},
    "grad_cam:conv": {"layer": "conv"},
    "grad-cam-plus-plus": {},
    "guided-grad-cam:layer=conv": {"layer": "conv"},
    "rsi-grad-cam:layer=conv,steps=4": {"layer": "conv", "steps": 4},
    "occlusion:window=3x4,stride=2": {"window": (3, 4), "stride": 2},
    "in-silico-mutagenesis": {},
}


def name_of(given: str) -> str:
    return given.partition(":")[0].replace("-", "_")


def test_all_are_tried() -> None:
    assert [name_of(given) for given in GIVEN] == list(methods.METHODS)


LONGER = ("smoothgrad", "expected", "rsi", "occlusion", "in-silico")  # more than a second of tracing each


@pytest.mark.parametrize(
    "given", [pytest.param(given, marks=pytest.mark.slow if given.startswith(LONGER) else ()) for given in GIVEN]
)
def test_methods_are_those_of_the_library(files: Path, tmp_path: Path, given: str) -> None:
    rows, out = np.load(files / "x.npy")[:5], tmp_path / "scores.h5"
    if given == "in-silico-mutagenesis":  # of letters alone
        rows = np.eye(4, dtype="float32")[rows.argmax(-1)]
    np.save(tmp_path / "rows.npy", rows)
    command = ("score", "-m", files / "one.keras", "-i", tmp_path / "rows.npy", "-o", out, "--references", 0.25)
    result = run(*command, "--method", given, "--target", 1)
    assert result.exit_code == 0, result.stderr
    expected = methods.METHODS[name_of(given)](dl.convert(files / "one.keras"), rows, 0.25, 1, **GIVEN[given])
    with h5py.File(out) as file:
        found = file["contributions"][:]
        assert ("delta" in file) == (expected.delta is not None)
    np.testing.assert_allclose(found, expected.contributions, atol=1e-5 * np.abs(expected.contributions).max())
