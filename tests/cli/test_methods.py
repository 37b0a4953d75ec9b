"""Other methods on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import methods
from tests.cli.running import run

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
    np.save(tmp_path / "rows.npy", rows)
    command = ("score", "-m", files / "one.keras", "-i", tmp_path / "rows.npy", "-o", out, "--references", 0.25)
    result = run(*command, "--method", given, "--target", 1)
    assert result.exit_code == 0, result.stderr
    expected = methods.METHODS[name_of(given)](dl.convert(files / "one.keras"), rows, 0.25, 1, **GIVEN[given])
    with h5py.File(out) as file:
        found = file["contributions"][:]
        assert ("delta" in file) == (expected.delta is not None)
    np.testing.assert_allclose(found, expected.contributions, atol=1e-5 * np.abs(expected.contributions).max())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("lime", "expected one of deeplift[:RULE][,multiply_by_inputs=MULTIPLY_BY_INPUTS], rescale"),
        ("integrated-gradient:50", "received 'integrated-gradient:50'; did you mean 'integrated-gradients'?"),
        ("grad-cam", "expected grad-cam:LAYER[,upsample=UPSAMPLE]"),
        ("grad-cam:convolution", "no layer is named 'convolution'"),
        ("rsi-grad-cam:conv,steps=0", "steps: expected at least 1; received 0"),
        ("grad-cam:conv/linear/1", "no layer"),
        ("occlusion:window=0", "window: expected sizes of at least 1"),
        ("occlusion:window=a", "window is an integer, or several like 3x4"),
        ("smoothgrad:step=3", "expected smoothgrad[:SAMPLES][,noise=NOISE]"),
        ("smoothgrad:samples=0", "samples: expected at least 1; received 0"),
        ("integrated-gradients:0", "steps: expected at least 1; received 0"),
        ("integrated-gradients:2.5", "steps is an integer"),
        ("integrated-gradients:quadrature=simpson", "quadrature: expected one of gauss_legendre"),
        ("expected-gradients:-1", "samples: expected at least 1; received -1"),
        ("rescale:rule=nothing", "nothing"),
    ],
)
def test_mistakes_end_in_one_line(files: Path, tmp_path: Path, given: str, message: str) -> None:
    out = tmp_path / "scores.h5"
    result = run("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", out, "--method", given)
    assert result.exit_code == 2 and message in result.stderr.splitlines()[-1]
    assert not out.exists()
