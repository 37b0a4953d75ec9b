"""The gRPC client of docs/serving.md, against a server of TensorFlow Serving's interface that runs an exported folder.

Needs the extra `serving`; a server of TensorFlow Serving itself is not among Python's packages.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.unknown_fields import UnknownFieldSet

import deeplift_tf as dl
from tests.support.served import close

apis = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
predict = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
grpc = pytest.importorskip("grpc")


class Server(apis.PredictionServiceServicer):  # type: ignore[name-defined]
    """Answers as TensorFlow Serving does: by signature, with the outputs that are asked for."""

    def __init__(self, folder: Path) -> None:
        self.loaded = tf.saved_model.load(str(folder))

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        signature = self.loaded.signatures[request.model_spec.signature_name]
        given = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        try:
            found = signature(**given)
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        answer = predict.PredictResponse()
        for name in request.output_filter or found:
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(found[name].numpy()))
        return answer


@pytest.fixture(scope="module")
def score() -> Any:
    keras.utils.set_random_seed(5)
    x = keras.Input((3,), name="x")
    hidden = keras.layers.Dense(4, activation="relu")(x)
    return dl.convert(keras.Model(x, keras.layers.Dense(2)(hidden))).compile()


@pytest.fixture(scope="module")
def folder(score: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = score.export(tmp_path_factory.mktemp("served") / "scorer" / "1", warmup=[1, 3])
    return path


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2))
    apis.add_PredictionServiceServicer_to_server(Server(folder), server)
    number = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield number
    server.stop(None)


def client() -> str:
    text = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    (found,) = (part.split("```")[0] for part in text.split("```python\n")[1:] if "grpc.insecure_channel" in part)
    return found


def test_the_client_of_the_page(port: int, score: Any) -> None:
    names: dict[str, Any] = {}
    exec(client().replace("localhost:8500", f"127.0.0.1:{port}"), names)
    close(names["contributions"], score(names["x"], 0, 1).contributions)
    assert set(names["answer"].outputs) == {"contributions", "delta"}
    names["request"].inputs["target"].CopyFrom(tf.make_tensor_proto(np.array([2], np.int32)))
    with pytest.raises(grpc.RpcError) as caught:
        names["server"].Predict(names["request"], timeout=10)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "expected an index, 0 to 1" in caught.value.details()
    names["channel"].close()


def test_warmup_requests_are_those_of_the_interface(folder: Path, port: int) -> None:
    """As TensorFlow Serving reads them, byte for byte; and they are answered."""
    records = tf.data.TFRecordDataset(str(folder / "assets.extra" / "tf_serving_warmup_requests"))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        server = apis.PredictionServiceStub(channel)
        for rows, record in zip((1, 3), records, strict=True):
            log = logs.PredictionLog.FromString(record.numpy())
            assert log.WhichOneof("log_type") == "predict_log"
            request = log.predict_log.request
            assert (request.model_spec.name, request.model_spec.signature_name) == ("scorer", "score")
            assert set(request.inputs) == {"x", "references", "target"}
            for part in (log, log.predict_log, request, request.model_spec):
                assert len(UnknownFieldSet(part)) == 0
            answer = server.Predict(request, timeout=10)
            assert tf.make_ndarray(answer.outputs["contributions"]).shape == (rows, 3)
