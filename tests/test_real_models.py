"""Models and input that others have published: they convert, predict as in Keras, and score real input."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.conversion.readers import read
from deeplift_tf.network import Network
from tests.support.checks import assert_close_to_largest, assert_complete

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
RULES = ("rescale", "genomics_default", "reveal_cancel")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real models and input of ../shared/data are not here")


def letters(count: int, length: int) -> np.ndarray:
    """Windows of DNA sequences, one-hot in the order ACGT; shape (count, length, 4)."""
    lines = (DATA / "input/sequences.fa").read_text().splitlines()
    windows = [line[100 : 100 + length].upper() for line in lines if line and not line.startswith(">")]
    windows = [window for window in windows if set(window) <= set("ACGT")][:count]
    return np.stack([np.array([[letter == base for base in "ACGT"] for letter in window]) for window in windows]) * 1.0


def photographs(size: tuple[int, int], grey: bool = False) -> np.ndarray:
    """Two photographs and crops of them, shape (4, *size, 1 or 3), from 0 to 255."""
    pictures = []
    for name in ("skimage_chelsea.png", "skimage_astronaut.png"):
        mode = "grayscale" if grey else "rgb"
        image = keras.utils.img_to_array(keras.utils.load_img(DATA / "input" / name, color_mode=mode))
        pictures += [image, image[20:180, 60:300]]
    return np.stack([np.asarray(keras.ops.image.resize(picture, size)) for picture in pictures])


class Real(NamedTuple):
    """A published model: its files, real input prepared as its makers did, and a reference that suits it."""

    files: str | tuple[str, str]
    x: Callable[[], np.ndarray]
    reference: Any
    target: int = 0
    pre_activation: bool = True


MODELS = {
    "mmsplice": Real("mmsplice_Donor.h5", lambda: letters(12, 18), 0.25),
    "xception": Real(
        "fer2013_mini_XCEPTION.102-0.66.hdf5", lambda: photographs((64, 64), grey=True) / 127.5 - 1, 0.0, target=3
    ),
    "resnet": Real("mlperf_pretrainedResnet.h5", lambda: photographs((32, 32)), 127.5, target=3),
    "discriminator": Real(
        "dl4j_wgan_discriminator.h5", lambda: photographs((28, 28), grey=True) / 127.5 - 1, -1.0, pre_activation=False
    ),
    "keras1_cnn": Real("dl4j_keras1_cnn_tf_model.h5", lambda: photographs((8, 8)) / 255, 0.0, target=1),
    # what the four numbers of this dense network mean is not known to us: frequencies of letters serve
    "kipoi": Real(
        ("kipoi_upgradedkeras_model.json", "kipoi_upgradedkeras_weights.h5"), lambda: letters(12, 18).mean(1), 0.25
    ),
}


@functools.cache
def model_of(name: str) -> keras.Model:
    files = MODELS[name].files
    paths = [DATA / "models" / each for each in ((files,) if isinstance(files, str) else files)]
    return read(paths[0] if len(paths) == 1 else tuple(paths))


@functools.cache
def network_of(name: str, dtype: str = "float32") -> Network:
    files = MODELS[name].files
    if isinstance(files, str):
        return dl.convert(DATA / "models" / files, dtype=dtype)
    return dl.convert(tuple(DATA / "models" / each for each in files), dtype=dtype)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.slow_for("resnet", "xception")
def test_predicts_as_the_original(name: str) -> None:
    x = MODELS[name].x()
    expected = np.asarray(model_of(name)(x.astype("float32"), training=False))
    assert np.ptp(expected, axis=0).max() > 1e-3  # the rows are told apart
    assert_close_to_largest(network_of(name).predict(x), expected, 1e-5)  # float32, some tens of layers


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.slow_for("resnet-reveal_cancel", "xception-genomics_default", "xception-reveal_cancel", "xception-rescale")
def test_scores_real_input_with_delta_in_bounds(name: str, rule: str) -> None:
    real, x = MODELS[name], MODELS[name].x()
    score = network_of(name).with_rule(rule).compile()
    scores = score(x, real.reference, target=real.target, pre_activation=real.pre_activation)
    assert scores.contributions.shape == x.shape
    assert_complete(scores, 1e-4, moved=0.01)


def test_double_precision_on_a_real_model() -> None:
    real, x = MODELS["mmsplice"], MODELS["mmsplice"].x()
    for rule in RULES:
        found, expected = (
            network_of("mmsplice", dtype).with_rule(rule).compile()(x, real.reference, pre_activation=True)
            for dtype in ("float32", "float64")
        )
        assert_complete(expected, 1e-9, moved=0.05)
        assert_close_to_largest(found.contributions, expected.contributions, 1e-5)


def test_every_layer_of_the_real_models_has_an_exact_rule() -> None:
    for name in MODELS:
        assert all(row.exact for row in network_of(name).table()), name
