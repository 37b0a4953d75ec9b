"""Real files of Keras 1.1 to 2.4; three of them against a forward pass in plain numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deeplift_tf.conversion.readers import read
from tests.support.saved_models import Array, outputs, rows

MODELS = Path(__file__).resolve().parents[3] / "../shared/data/models"

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason="needs the real models of ../shared/data")

KIPOI = (MODELS / "kipoi_upgradedkeras_model.json", MODELS / "kipoi_upgradedkeras_weights.h5")
SHAPES = {
    "mmsplice_Donor.h5": ((18, 4), (1,)),
    "fer2013_mini_XCEPTION.102-0.66.hdf5": ((64, 64, 1), (7,)),
    "mlperf_pretrainedResnet.h5": ((32, 32, 3), (10,)),
    "dl4j_wgan_discriminator.h5": ((28, 28, 1), (2048,)),
    "dl4j_keras1_cnn_tf_model.h5": ((8, 8, 3), (3,)),
    "kipoi": ((4,), (3,)),
}


def source(name: str) -> Any:
    return KIPOI if name == "kipoi" else MODELS / name


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.slow_for("fer2013_mini_XCEPTION.102-0.66.hdf5")
def test_every_real_file_is_read(name: str) -> None:
    model = read(source(name))
    shape, output_shape = SHAPES[name]
    assert model.inputs[0].shape[1:] == shape
    found = outputs(model, rows(model))[0]
    assert found.shape[1:] == output_shape
    assert np.isfinite(found).all()
    assert np.ptp(found, axis=0).max() > 1e-3  # zeros in the place of weights would answer the same to every row


def stored(path: Path) -> dict[str, list[Array]]:
    """The arrays of each layer, read with h5py alone."""
    with h5py.File(path) as file:
        group = file.get("model_weights", file)
        return {
            name.decode(): [group[name][weight][()] for weight in group[name].attrs["weight_names"]]
            for name in group.attrs["layer_names"]
        }


def normalised(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def correlate(x: Array, kernel: Array, bias: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias


def softmax(x: Array) -> Array:
    shifted = np.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def mmsplice(x: Array, weights: dict[str, list[Array]]) -> Array:
    x = x.reshape(len(x), -1)
    for dense, norm in (("dense1", "batch_normalization_1"), ("dense2", "batch_normalization_2")):
        x = np.maximum(normalised(x @ weights[dense][0] + weights[dense][1], *weights[norm]), 0)
    return sigmoid(x @ weights["dense_1"][0] + weights["dense_1"][1])


def keras1(x: Array, weights: dict[str, list[Array]]) -> Array:
    x = sigmoid(correlate(x, *weights["convolution2d_1"]))
    x = np.maximum(correlate(x, *weights["convolution2d_2"]), 0)
    x = x[:, :5, :5].max((1, 2))  # one window of 5 by 5 fits
    x = np.maximum(x @ weights["dense_1"][0] + weights["dense_1"][1], 0)
    return softmax(x @ weights["dense_2"][0] + weights["dense_2"][1])


def kipoi(x: Array, weights: dict[str, list[Array]]) -> Array:
    return x @ weights["dense"][0] + weights["dense"][1]


@pytest.mark.parametrize(
    ("name", "forward"),
    [("mmsplice_Donor.h5", mmsplice), ("dl4j_keras1_cnn_tf_model.h5", keras1), ("kipoi", kipoi)],
)
def test_predictions_equal_a_plain_forward_pass(name: str, forward: Any) -> None:
    model = read(source(name))
    x = rows(model, 8)[0]
    expected = forward(x.astype("float64"), stored(KIPOI[1] if name == "kipoi" else MODELS / name))
    np.testing.assert_allclose(outputs(model, [x])[0], expected, rtol=1e-5)
