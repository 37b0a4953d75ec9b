"""Warm-up requests: what TensorFlow Serving sends to a new version before it takes requests of others.

The file is a TFRecord of PredictionLog messages. Of those, three fields and a map are needed, which are written here,
so that no package of TensorFlow Serving has to be installed; their numbers are part of its public interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.errors import InputError
from deeplift_tf.graph.graph import Input
from deeplift_tf.scoring.inputs import as_input_arrays
from deeplift_tf.serving.naming import tensor_name

PLACE = Path("assets.extra", "tf_serving_warmup_requests")
MOST = 1000
"""Requests that TensorFlow Serving accepts."""

Request = dict[str, np.ndarray]


def requests_of(given: Any, specs: Mapping[str, tf.TensorSpec], inputs: Sequence[Input]) -> list[Request]:
    """Return the requests that are meant: numbers of rows, or rows.

    Parameters
    ----------
    given : int, sequence of int, array, or dict of arrays
        Numbers of rows, a request each, that are zero everywhere; or rows of x, sent together and the first alone.
    specs : mapping of str to tf.TensorSpec
        What the signature takes.
    inputs : sequence of Input

    Raises
    ------
    InputError
        If there is none, or there are too many, or only rows could tell the size of an axis.
    """
    if isinstance(given, int) or (isinstance(given, (list, tuple)) and all(isinstance(each, int) for each in given)):
        counts = [given] if isinstance(given, int) else list(given)
        if not 1 <= len(counts) <= MOST or min(counts) < 1:
            raise InputError(f"warmup: expected 1 to {MOST} numbers of rows, each at least 1; received {given}")
        return [{name: _zeros(name, spec, rows) for name, spec in specs.items()} for rows in counts]
    x = as_input_arrays(given, inputs)
    rows = {tensor_name(name): array for name, array in zip(x.names, x.arrays, strict=True)}
    whole = {name: _of_rows(name, spec, rows) for name, spec in specs.items()}
    return [{name: value[:1] for name, value in whole.items()}, *([whole] if len(x) > 1 else [])]


def _zeros(name: str, spec: tf.TensorSpec, rows: int) -> np.ndarray:
    if None in spec.shape[1:]:
        raise InputError(
            f"warmup: {name} has the shape {spec.shape}, so a number of rows does not tell its size; give rows of x"
        )
    return _filled(spec, (rows, *spec.shape[1:]))


def _of_rows(name: str, spec: tf.TensorSpec, x: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what a request of these rows holds under a name: x, references of zeros, or target 0."""
    if name in x:
        return np.asarray(x[name]).astype(object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype)
    like = x.get(name.removeprefix("references_"), next(iter(x.values())))
    return _filled(spec, like.shape[: len(spec.shape)])


def _filled(spec: tf.TensorSpec, shape: Sequence[int]) -> np.ndarray:
    return np.full(shape, "", object) if spec.dtype == tf.string else np.zeros(shape, spec.dtype.as_numpy_dtype)


def write(folder: Path, signature: str, model: str, requests: Iterable[Request]) -> None:
    """Write requests where TensorFlow Serving looks for them in the folder of a version.

    Parameters
    ----------
    folder : Path
    signature : str
        That they call.
    model : str
        Its name on the server.
    requests : iterable of dict of str to np.ndarray
    """
    (folder / PLACE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / PLACE)) as file:
        for request in requests:
            file.write(prediction_log(signature, model, request))


def prediction_log(signature: str, model: str, request: Request) -> bytes:
    """Return a PredictionLog that holds a PredictRequest.

    PredictionLog.predict_log is field 6, PredictLog.request 1; PredictRequest.model_spec is 1 and .inputs, a map of
    names to TensorProto, 2; ModelSpec.name is 1 and .signature_name 3.
    """
    spec = field(1, model.encode()) + field(3, signature.encode())
    inputs = b"".join(
        field(2, field(1, name.encode()) + field(2, tf.make_tensor_proto(value).SerializeToString()))
        for name, value in sorted(request.items())
    )
    return field(6, field(1, field(1, spec) + inputs))


def field(number: int, content: bytes) -> bytes:
    """Return a field of a protocol buffer that holds bytes, text or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """Return an integer as protocol buffers write it: seven bits in a byte, the lowest first."""
    head, rest = number & 0x7F, number >> 7
    return bytes([head | 0x80]) + varint(rest) if rest else bytes([head])
