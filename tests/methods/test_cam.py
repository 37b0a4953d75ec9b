"""Grad-CAM and RSI-Grad-CAM on a trained image model, against direct gradient tapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf import methods
from deeplift_tf.errors import InputError
from tests.support.method_models import image_model, set_weights

RNG = np.random.default_rng(2)


def stripes(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with a horizontal, a vertical, or no bright line, and which of them it is."""
    labels = RNG.integers(0, 3, rows)
    images = RNG.normal(0, 0.3, (rows, 12, 12, 2)).astype(np.float32)
    for image, label, place in zip(images, labels, RNG.integers(0, 12, rows), strict=True):
        if label == 0:
            image[place, :, 0] += 2
        elif label == 1:
            image[:, place, 0] += 2
    return images, labels


@pytest.fixture(scope="module")
def trained() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 12, 2)),
            layers.Conv2D(8, 5, activation="relu"),
            layers.Conv2D(6, 3, activation="relu", name="last"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(8, activation="tanh"),
            layers.Dense(3),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(True), metrics=["accuracy"])
    images, labels = stripes(600)
    model.fit(images, labels, epochs=6, verbose=0)
    assert model.evaluate(*stripes(200), verbose=0)[1] > 0.9
    return model


@pytest.fixture(scope="module")
def network(trained: keras.Model) -> dl.Network:
    return dl.convert(trained)


def tape_at(model: keras.Model, x: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Activations of the layer 'last' and the target's gradient there, by a tape over the Keras model itself."""
    cut = model.layers.index(model.get_layer("last")) + 1
    activations = tf.constant(x)
    for layer in model.layers[:cut]:
        activations = layer(activations)
    with tf.GradientTape() as tape:
        tape.watch(activations)
        y = activations
        for layer in model.layers[cut:]:
            y = layer(y)
        value = y[:, target]
    return activations.numpy(), tape.gradient(value, activations).numpy()


def heat(weights: np.ndarray, activations: np.ndarray) -> np.ndarray:
    return np.maximum((weights[:, None, None] * activations).sum(-1, keepdims=True), 0)


def test_grad_cam_is_that_of_a_tape(trained: keras.Model, network: dl.Network) -> None:
    x, _ = stripes(5)
    activations, gradients = tape_at(trained, x, 1)
    weights = gradients.mean((1, 2))
    scores = methods.grad_cam(network, x, target=1, layer="last", batch_size=2)
    np.testing.assert_allclose(scores.multipliers, weights, atol=1e-5 * np.abs(weights).max())  # float32
    expected = tf.image.resize(heat(weights, activations), (12, 12)).numpy()
    np.testing.assert_allclose(scores.contributions, expected, atol=1e-5 * expected.max())
    small = methods.grad_cam(network, x, target=1, layer="last", upsample=False)
    np.testing.assert_allclose(small.contributions, heat(weights, activations), atol=1e-5 * expected.max())
    np.testing.assert_allclose(scores.outputs, trained(x).numpy()[:, 1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_size", [3, 200])
def test_rsi_grad_cam_is_that_of_a_tape(trained: keras.Model, network: dl.Network, batch_size: int) -> None:
    x, _ = stripes(3)
    reference = np.full((12, 12, 2), 0.1, np.float32)
    before, weights = tape_at(trained, np.broadcast_to(reference, x.shape), 2)[0], 0.0
    for step in range(1, 51):
        activations, gradients = tape_at(trained, reference + np.float32(step / 50) * (x - reference), 2)
        weights, before = weights + (gradients * (activations - before)).mean((1, 2)), activations
    scores = methods.rsi_grad_cam(network, x, reference, target=2, layer="last", upsample=False, batch_size=batch_size)
    np.testing.assert_allclose(scores.multipliers, weights, atol=1e-5 * np.abs(weights).max())
    expected = heat(np.asarray(weights), before)
    np.testing.assert_allclose(scores.contributions, expected, atol=1e-5 * expected.max())


def test_maps_of_several_references_and_targets_are_averaged(network: dl.Network) -> None:
    x, _ = stripes(2)
    references = RNG.normal(size=(2, 12, 12, 2)).astype(np.float32)
    arguments: dict[str, Any] = {"layer": "last", "targets": [0, 1], "steps": 7, "batch_size": 5}
    both = methods.rsi_grad_cam(network, x, references[None], **arguments)
    each = [methods.rsi_grad_cam(network, x, reference, **arguments) for reference in references]
    expected = (each[0].contributions + each[1].contributions) / 2
    np.testing.assert_allclose(both.contributions, expected, atol=1e-5 * expected.max())
    assert both.contributions.shape == (2, 2, 12, 12, 1) and both.multipliers.shape == (2, 2, 6)


def by_hand() -> keras.Model:
    """One channel a = relu(2x − 1) at each of three positions, y = tanh(Σ a)."""
    model = keras.Sequential(
        [
            keras.Input((3, 1)),
            keras.layers.Conv1D(1, 1, activation="relu", name="channel"),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="tanh", use_bias=False),
        ]
    )
    return set_weights(model, [[[2.0]]], [-1.0], [[1.0], [1.0], [1.0]])


def test_one_step_has_its_hand_value() -> None:
    """m = 1: (1/Z) Σ (gradient at x)·(A(x) − A(x⁰)), here with A = (1, 0, 0.2), A⁰ = (0, 0, 0), Σ A = 1.2."""
    network = dl.convert(by_hand(), dtype="float64")
    x = np.array([[[1.0], [0.2], [0.6]]])
    slope = 1 - np.tanh(1.2) ** 2
    scores = methods.rsi_grad_cam(network, x, 0.0, layer="channel", steps=1)
    np.testing.assert_allclose(scores.multipliers, [[slope * 1.2 / 3]], rtol=1e-7)
    np.testing.assert_allclose(scores.contributions[0, :, 0], slope * 0.4 * np.array([1, 0, 0.2]), rtol=1e-6)
    many = methods.rsi_grad_cam(network, x, 0.0, layer="channel", steps=4000, batch_size=4000)
    # the sum becomes the integral of dy, whose mean over positions is y/3; a right sum: errors of 1/steps
    np.testing.assert_allclose(many.multipliers, [[np.tanh(1.2) / 3]], rtol=1e-3)
    grad = methods.grad_cam(network, x, layer="channel")
    np.testing.assert_allclose(grad.multipliers, [[slope]], rtol=1e-7)


def test_channels_first() -> None:
    layers = keras.layers
    last = image_model()
    first = keras.Sequential([keras.Input((10, 8, 3)), *last.layers[:2], layers.Permute((3, 1, 2), name="permuted")])
    first.add(layers.Permute((2, 3, 1)))
    for layer in last.layers[2:]:
        first.add(layer)
    x = RNG.normal(size=(2, 10, 8, 3))
    network = dl.convert(first, dtype="float64")
    made = methods.grad_cam(network, x, layer="permuted", channels_first=True)
    np.testing.assert_allclose(made.contributions, methods.grad_cam(network, x, layer="second").contributions)


def test_what_a_map_has_not_is_refused(network: dl.Network) -> None:
    refused: Callable[..., object] = methods.grad_cam
    with pytest.raises(InputError, match="no hypothetical contributions"):
        refused(network, stripes(1)[0], layer="last", hypothetical=True)
    with pytest.raises(InputError, match="expected one layer"):
        refused(network, stripes(1)[0], layer="last", layers="last")


def test_without_a_layer_the_last_convolution_is_taken_and_named(network: dl.Network) -> None:
    x, _ = stripes(2)
    found, named = methods.grad_cam(network, x, target=1), methods.grad_cam(network, x, target=1, layer="last")
    np.testing.assert_array_equal(found.contributions, named.contributions)
    assert found.label == "Grad-CAM of last, the last convolution" and named.label == "Grad-CAM of last"
    assert "Grad-CAM of last" in repr(found) and "contributions" not in repr(found)
    assert methods.rsi_grad_cam(network, x, target=1, steps=2).label.startswith("RSI-Grad-CAM of last")


def test_the_last_convolution_lies_before_the_target_and_has_positions() -> None:
    layers = keras.layers
    entry = keras.Input((6, 6, 1))
    one = layers.Conv2D(2, 3, name="one", activation="relu")(entry)
    other = layers.Conv2D(2, 3, name="other")(one)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(one)
    first = layers.Flatten(name="first")(layers.Conv2D(3, 1, name="head")(pooled))
    second = layers.Dense(2, name="second")(layers.Flatten()(other))
    network = dl.convert(keras.Model(entry, [first, second]))
    x = RNG.normal(size=(1, 6, 6, 1))
    assert methods.grad_cam(network, x, output="first").label == "Grad-CAM of one, the last convolution"
    assert methods.grad_cam(network, x, output="second").label == "Grad-CAM of other, the last convolution"
    assert methods.grad_cam(network, x, output="other", target=(0, 0, 0)).label.startswith("Grad-CAM of one,")
    dense = dl.convert(keras.Sequential([keras.Input((3,)), layers.Dense(2)]))
    with pytest.raises(InputError, match="found none; name a layer"):
        methods.grad_cam(dense, np.ones((1, 3)))


def test_grad_cam_plus_plus_is_the_papers_formula(trained: keras.Model, network: dl.Network) -> None:
    x, _ = stripes(4)
    activations, slopes = (each.astype(np.float64) for each in tape_at(trained, x, 1))
    assert (slopes > 0).any()
    below = 2 * slopes**2 + activations.sum((1, 2), keepdims=True) * slopes**3
    alpha = np.divide(slopes**2, below, out=np.zeros_like(below), where=below != 0)
    weights = (alpha * np.maximum(slopes, 0)).sum((1, 2))
    scores = methods.grad_cam_plus_plus(network, x, target=1, upsample=False, batch_size=3)
    np.testing.assert_allclose(scores.multipliers, weights, atol=1e-5 * weights.max())  # float32
    expected = heat(weights, activations)
    np.testing.assert_allclose(scores.contributions, expected, atol=1e-5 * expected.max())


def test_guided_grad_cam_is_the_product(trained: keras.Model, network: dl.Network) -> None:
    x, _ = stripes(3)
    activations, slopes = tape_at(trained, x, 2)
    small = heat(slopes.mean((1, 2)), activations)
    fine = methods.guided_backprop(network, x, target=2).contributions
    expected = fine * tf.image.resize(small, (12, 12)).numpy()
    scores = methods.guided_grad_cam(network, x, target=2)
    np.testing.assert_allclose(scores.contributions, expected, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected).max() > 0 and scores.label == "guided Grad-CAM of last, the last convolution"
    both = methods.guided_grad_cam(network, x, targets=[0, 2])
    np.testing.assert_allclose(both.contributions[1], expected, atol=1e-5 * np.abs(expected).max())
