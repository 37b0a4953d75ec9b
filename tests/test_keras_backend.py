"""Another backend of Keras is refused in one message, before anything is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from deeplift_tf.errors import BackendError, DeepLiftError
from deeplift_tf.keras_backend import require_tensorflow, settings


@pytest.fixture
def without_keras(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process that has not imported Keras, with settings in a folder of their own."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("backend", ["jax", "torch", "openvino"])
def test_the_variable(without_keras: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(BackendError, match=f"found the backend '{backend}': the environment has KERAS_BACK"):
        require_tensorflow()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    require_tensorflow()


def test_the_file(without_keras: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (without_keras / "keras.json").write_text(json.dumps({"backend": "jax"}))
    with pytest.raises(BackendError, match=r"'jax': the file .*keras\.json names it") as caught:
        require_tensorflow()
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, DeepLiftError)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # goes before the file, as in Keras
    require_tensorflow()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"backend": null}', '{"backend": "tensorflow"}'])
def test_settings_that_name_none(without_keras: Path, text: str) -> None:
    require_tensorflow()
    (without_keras / "keras.json").write_text(text)
    require_tensorflow()
    assert settings() == without_keras / "keras.json"


def test_a_keras_that_runs_on_another_one_already(without_keras: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(config=SimpleNamespace(backend=lambda: "torch")))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(BackendError, match=r"'torch': it was imported with it. KERAS_BACKEND=torch is set; .* again"):
        require_tensorflow()


PROGRAM = """
import os, sys
import deeplift_tf as dl
try:
    dl.convert
except ImportError as error:
    assert "KERAS_BACKEND=jax" in str(error), error
else:
    raise AssertionError("not refused")
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
x = keras.Input((3,))
print(len(dl.convert(keras.Model(x, keras.layers.Dense(2)(x))).graph.nodes))
"""


@pytest.mark.slow
def test_a_second_import_works_once_it_is_put_right() -> None:
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["score", "--help"]])
def test_help_works_under_any_backend(arguments: list[str]) -> None:
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-m", "deeplift_tf.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_a_command_says_the_cause_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-m", "deeplift_tf.cli", "inspect", str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: expected Keras to run on TensorFlow; found the backend 'jax'")
    assert done.stderr.count("\n") == 1
