"""Arguments that do not fit the model, the method or the references end in one line, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_score import refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "2"], "2"),
        (["--target", "0,0"], "target"),
        (["--targets", "0,1,0"], "expected each target once; received 0 twice in '0,1,0'"),
        (["--output", "tail"], "tail"),
        (["--layers", "tail"], "tail"),
        (["--rule", "tail=gradient"], "tail"),
        (
            ["--jit-compile", "--method", "occlusion"],
            "--jit-compile is for the method deeplift; received --method occlusion",
        ),
        (["--references", "median"], "references: expected 'zeros', a finite number or a file"),
        (["--dataset", "y"], "no array is named 'y'; found 'x'"),
        (["--method", "lime"], "expected one of deeplift, rescale, reveal-cancel, "),
        (
            ["--method", "integrated-gradient:50"],
            "received 'integrated-gradient:50'; did you mean 'integrated-gradients'?",
        ),
        (["--method", "grad-cam:convolution"], "no layer is named 'convolution'"),
        (["--method", "rsi-grad-cam:conv,steps=0"], "steps: expected at least 1; received 0"),
        (["--method", "grad-cam:conv/linear/1"], "no layer"),
        (["--method", "occlusion:window=0"], "window: expected sizes of at least 1"),
        (["--method", "occlusion:window=a"], "window is an integer, or several like 3x4"),
        (["--method", "smoothgrad:step=3"], "expected smoothgrad[:SAMPLES][,noise=NOISE]"),
        (["--method", "smoothgrad:samples=0"], "samples: expected at least 1; received 0"),
        (["--method", "integrated-gradients:0"], "steps: expected at least 1; received 0"),
        (["--method", "integrated-gradients:2.5"], "steps is an integer"),
        (["--method", "integrated-gradients:quadrature=simpson"], "quadrature: expected one of gauss_legendre"),
        (["--method", "expected-gradients:-1"], "samples: expected at least 1; received -1"),
        (["--method", "rescale:rule=nothing"], "no place for 'rule=nothing'"),
        (["--method", "rescale:gradient"], "received 'rescale:gradient'"),
        (["--references", "mean"], "expected mean:FILE; received 'mean': data is missing"),
        (["--references", "median:x.npy"], "or a name: zeros, constant, mean, "),
        (["--references", "mean:x.txt"], "no such file"),
        (["--references", "blured:3"], "received 'blured:3'; did you mean 'blurred'?"),
    ],
)
def test_mistakes_end_in_one_line(files: Path, tmp_path: Path, options: list[str], message: str) -> None:
    assert message in refused(files, tmp_path / "s.h5", *options)
