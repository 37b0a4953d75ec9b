"""Lambda layers whose code uses names of the script that wrote them, with safe_mode=False."""

from __future__ import annotations

import base64
import marshal
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras._tf_keras.keras import backend as K  # noqa: N812 - as scripts of Keras 2 call it

import deeplift_tf as dl
from deeplift_tf.conversion.readers.untrusted.stored_code import bytecode, python_of
from deeplift_tf.errors import DeepLiftError, ModelFileError, UnsafeModelError
from tests.support.saved_models import write_legacy_h5

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
SHIFT = 2.0

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tf": lambda x: tf.math.reduce_logsumexp(x, axis=-1, keepdims=True),
    "K": lambda x: K.sum(x, axis=-1, keepdims=True),
    "np": lambda x: x * np.float32(np.pi),
    "keras": lambda x: keras.ops.abs(x),
}


def model_of(function: Callable[[Any], Any]) -> keras.Model:
    x = keras.Input((3,), name="x")
    return keras.Model(x, keras.layers.Lambda(function, name="mine", output_shape=(1,))(x))


def saved(function: Callable[[Any], Any], path: Path) -> Path:
    """The model in a file; as .h5 by hand, in the form of Keras 2."""
    if path.suffix == ".keras":
        model_of(function).save(path)
        return path
    code = base64.b64encode(marshal.dumps(function.__code__)).decode()
    inner = {"name": "mine", "function": [code, None, None], "function_type": "lambda", "trainable": True}
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 3], "dtype": "float32"}},
        {"class_name": "Lambda", "config": inner},
    ]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    write_legacy_h5(path, config, {}, keras_version="2.8.0", backend="tensorflow")
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_names_that_are_offered(name: str, suffix: str, tmp_path: Path) -> None:
    path = saved(FUNCTIONS[name], tmp_path / f"model{suffix}")
    with pytest.raises(UnsafeModelError):
        dl.convert(path)
    network = dl.convert(path, safe_mode=False)
    np.testing.assert_allclose(network.predict(X), np.asarray(FUNCTIONS[name](X)), rtol=1e-5)
    scores = network.compile()(X, references=0.5)
    assert scores.delta is not None
    assert np.abs(scores.delta).max() < 1e-4


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_names_that_the_user_supplies(suffix: str, tmp_path: Path) -> None:
    path = saved(lambda x: x + SHIFT, tmp_path / f"model{suffix}")
    message = r"Lambda layer 'mine' does not run: NameError: name 'SHIFT' is not defined\. Supply 'SHIFT' in custom_ob"
    with pytest.raises(DeepLiftError, match=message) as caught:
        dl.convert(path, safe_mode=False)
    assert "custom_objects={'mine': function}" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    for objects in ({"SHIFT": 3.0, "tf": tf}, {"mine": lambda x: x + 3.0}):
        network = dl.convert(path, safe_mode=False, custom_objects=objects)
        np.testing.assert_allclose(network.predict(X), X + 3.0, rtol=1e-6)


def old_code(integers: int, instructions: bytes) -> bytes:
    """The beginning of code as another version of Python writes it."""
    return b"\xe3" + bytes(4 * integers) + b"s" + len(instructions).to_bytes(4, "little") + instructions + bytes(40)


@pytest.mark.parametrize(
    ("raw", "version"),
    [
        (old_code(5, bytes([116, 0, 124, 0, 131, 1, 83, 0])), "3.7 or earlier (3.6)"),
        (old_code(6, bytes([116, 0, 124, 0, 131, 1, 83, 0])), "3.8 to 3.10"),
        (b"c" + bytes(16) + b"s", "2"),
    ],
)
def test_bytecode_of_another_python(raw: bytes, version: str, tmp_path: Path) -> None:
    assert python_of(raw) == version
    path = tmp_path / "model.h5"
    inner = {"name": "mine", "function": [base64.b64encode(raw).decode(), None, None], "function_type": "lambda"}
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 3], "dtype": "float32"}},
        {"class_name": "Lambda", "config": inner},
    ]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    write_legacy_h5(path, config, {}, keras_version="2.4.0", backend="tensorflow")
    with pytest.raises(ModelFileError) as caught:
        dl.convert(path, safe_mode=False)
    assert f"holds bytecode of Python {version}, which Python 3" in str(caught.value)
    assert "custom_objects={'mine': function}" in str(caught.value)
    network = dl.convert(path, custom_objects={"mine": lambda x: 2 * x})  # also in safe mode: the code does not run
    np.testing.assert_allclose(network.predict(X), 2 * X, rtol=1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_code_of_this_python_is_known(name: str) -> None:
    function = FUNCTIONS[name]
    assert isinstance(function, FunctionType)
    assert python_of(marshal.dumps(function.__code__)) is None
    closed = (lambda y: lambda x: x + y)(1.0)  # starts with instructions of its own
    assert python_of(marshal.dumps(closed.__code__)) is None
    assert bytecode("Zm9v\n") == b"foo"


def test_terminal_codes_never_stand_in_an_error() -> None:
    assert str(DeepLiftError("\x1b[1mbold\x1b[0m, \x1b[38;5;4mblue\x1b[m")) == "bold, blue"
