"""Exported functions answer foreign programs as Python answers, where this package is not installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from tests.support.served import close, serve
from tests.support.served_models import CASES

CLIENT = Path(__file__).with_name("client.py")
C_CLIENT = Path(__file__).with_name("client.c")


def check(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        close(found[name], value, err_msg=name)


@pytest.mark.slow
def test_a_clean_process(tmp_path: Path) -> None:
    every = {name: serve(name, tmp_path) for name in CASES}
    for each in every.values():
        np.savez(f"{each.folder}.request.npz", allow_pickle=False, **each.request)
    command = [sys.executable, "-I", str(CLIENT), *(str(each.folder) for each in every.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "deeplift_tf is not there" in done.stdout
    for each in every.values():
        found = dict(np.load(f"{each.folder}.answer.npz"))
        for lead in ("score.", "default."):
            check({key[len(lead) :]: value for key, value in found.items() if key.startswith(lead)}, each.answer)
        close(found["predictions"], each.predictions)


@pytest.mark.slow
def test_saved_model_cli(tmp_path: Path) -> None:
    served = serve("two_inputs", tmp_path)
    tool = Path(sysconfig.get_path("scripts")) / "saved_model_cli"
    if not tool.exists():
        pytest.skip("saved_model_cli is not beside this Python")
    inputs = []
    for name, value in served.request.items():
        np.save(tmp_path / f"{name}.npy", value)
        inputs.append(f"{name}={tmp_path / name}.npy")
    chosen = ["--dir", str(served.folder), "--tag_set", "serve", "--signature_def", "score"]
    out = tmp_path / "out"
    command = [str(tool), "run", *chosen, "--inputs", ";".join(inputs), "--outdir", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    check({path.stem: np.load(path) for path in out.glob("*.npy")}, served.answer)


@pytest.mark.slow
def test_a_program_in_c(tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler, gcc")
    import tensorflow as tf

    served, package = serve("path", tmp_path), Path(tf.sysconfig.get_lib())
    program = tmp_path / "client"
    libraries = [f"-l:{name}" for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")]
    paths = [f"-I{tf.sysconfig.get_include()}", f"-L{package}", f"-Wl,-rpath,{package}"]
    command = [compiler, "-Wall", "-Werror", "-O1", str(C_CLIENT), "-o", str(program), *paths, *libraries, "-lm"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    for name, value in served.request.items():
        value.tofile(tmp_path / name)
    rows, width = served.request["x"].shape
    command = [str(program), str(served.folder), str(tmp_path), str(rows), str(width)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    shapes = {name: value.shape for name, value in served.answer.items()}
    found = {name: np.fromfile(tmp_path / f"{name}.out", np.float32).reshape(shape) for name, shape in shapes.items()}
    check(found, served.answer)
