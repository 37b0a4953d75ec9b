"""Methods that are one walk back, against plain gradients and rules worked out by hand."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf import methods
from deeplift_tf.methods.deep_shap import require_additivity
from deeplift_tf.methods.from_spec import scoring_function
from tests.support.method_models import dense_model, image_model, plain_gradient, set_weights

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(3, 10, 8, 3))


def lrp_0(weights: list[np.ndarray], x: np.ndarray, target: int) -> np.ndarray:
    """Relevance by the rule R_j = a_j Σ_k w_jk R_k / z_k, layer by layer, for a ReLU network without biases."""
    activations = [x]
    for w in weights[:-1]:
        activations.append(np.maximum(activations[-1] @ w, 0))
    relevance = np.zeros((len(x), weights[-1].shape[1]))
    relevance[:, target] = (activations[-1] @ weights[-1])[:, target]
    for a, w in zip(reversed(activations), reversed(weights), strict=True):
        z = a @ w
        share = np.divide(relevance, z, out=np.zeros_like(z), where=z != 0)
        relevance = a * (share @ w.T)
    return relevance


def test_gradient_times_input_is_lrp_0() -> None:
    model = dense_model([6, 9, 7, 3], bias=False)
    x = RNG.normal(size=(5, 6))
    network = dl.convert(model, dtype="float64")
    scores = methods.gradient_times_input(network, x, target=2)
    expected = lrp_0([w.numpy().astype(np.float64) for w in model.weights], x, 2)
    np.testing.assert_allclose(scores.contributions, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(scores.contributions.sum(1), scores.outputs, rtol=1e-9)


def test_gradient_is_that_of_tensorflow() -> None:
    model = image_model()
    network = dl.convert(model)
    x = IMAGES.astype(np.float32)
    expected = plain_gradient(lambda x: model(x)[:, 1], x)
    scores = methods.gradient(network, x, target=1, batch_size=2)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(scores.contributions, expected, atol=1e-5 * scale)  # float32
    assert scores.delta is None and scores.reference_outputs is None
    times = methods.gradient(network, x, target=1, multiply_by_inputs=True)
    np.testing.assert_allclose(times.contributions, expected * x, atol=1e-5 * scale)
    shifted = methods.gradient_times_input(network, x, references=1.0, target=1)
    np.testing.assert_allclose(shifted.contributions, expected * (x - 1), atol=1e-5 * scale * np.abs(x).max())


def rectifiers() -> keras.Model:
    """y = Σ v·relu(Wx): the first unit is active and sends 2, the second active and sends −1, the third is not."""
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(1, use_bias=False)]
    )
    return set_weights(model, [[1, 2, -1], [1, -1, -3]], [0, 0, 0], [[2], [-1], [4]])


def test_rectifiers_by_hand() -> None:
    network = dl.convert(rectifiers(), dtype="float64")
    x = np.array([[3.0, 1.0]])
    np.testing.assert_allclose(methods.gradient(network, x).contributions, [[2 * 1 - 2, 2 * 1 + 1]])
    np.testing.assert_allclose(methods.guided_backprop(network, x).contributions, [[2, 2]])
    np.testing.assert_allclose(methods.deconvnet(network, x).contributions, [[2 - 4, 2 - 12]])
    guided = methods.guided_backprop(network, x, multiply_by_inputs=True)
    np.testing.assert_allclose(guided.contributions, [[6, 2]])


def test_deconvnet_applies_relu_to_the_signal_going_back() -> None:
    """As published: at every rectifier the signal itself is rectified, and the unit's state is not asked for."""
    model = dense_model([5, 8, 6, 2], seed=3)
    (w1, _), (w2, _), (w3, _) = ([w.numpy().astype(np.float64) for w in layer.weights] for layer in model.layers)
    signal = np.maximum(np.tile(w3[:, 1], (4, 1)), 0)
    expected = np.maximum(signal @ w2.T, 0) @ w1.T
    x = RNG.normal(size=(4, 5))
    scores = methods.deconvnet(dl.convert(model, dtype="float64"), x, target=1)
    np.testing.assert_allclose(scores.contributions, expected, rtol=1e-9)


def test_deeplift_and_deep_shap_are_the_engine() -> None:
    network = dl.convert(image_model(), dtype="float64")
    background = RNG.normal(size=(4, 10, 8, 3))
    expected = network.compile()(IMAGES, background[None], target=2)
    for scores in (
        methods.deeplift(network, IMAGES, background[None], target=2),
        methods.deep_shap(network, IMAGES, target=2, data=background),
    ):
        np.testing.assert_array_equal(scores.contributions, expected.contributions)
        np.testing.assert_array_equal(scores.delta, expected.delta)
    without = methods.deeplift(network, IMAGES, background[None], target=2, multiply_by_inputs=False)
    np.testing.assert_array_equal(without.contributions, expected.multipliers)
    with pytest.raises(dl.errors.ReferencesError, match="received both"):
        methods.deep_shap(network, IMAGES, 0.0, data=background)


def test_deep_shap_takes_the_arguments_of_shap() -> None:
    network = dl.convert(dense_model([6, 5, 3]), dtype="float64")
    x, data = RNG.normal(size=(5, 6)), RNG.normal(size=(7, 6))
    outputs = network.predict(x)
    for order, key in (("max", -outputs), ("min", outputs), ("max_abs", -np.abs(outputs))):
        ranked = methods.deep_shap(network, x, data=data, ranked_outputs=2, output_rank_order=order)
        assert ranked.contributions.shape == (2, 5, 6)
        for place, found in enumerate(ranked.contributions):
            target = np.argsort(key, 1)[:, place]
            np.testing.assert_allclose(found, methods.deep_shap(network, x, target=target, data=data).contributions)
    multipliers = methods.deep_shap(network, x, data=data, multiply_by_inputs=False)
    np.testing.assert_array_equal(multipliers.contributions, multipliers.multipliers)
    for wrong in ({"ranked_outputs": 4}, {"ranked_outputs": 1, "output_rank_order": "custom"}):
        with pytest.raises(dl.errors.InputError, match="ranked_outputs from 1 to the number of outputs"):
            methods.deep_shap(network, x, data=data, **wrong)
    with pytest.raises(dl.errors.InputError, match="ranked are outputs of the model"):
        methods.deep_shap(network, x, data=data, ranked_outputs=1, output="dense")


def test_deep_shap_averages_over_a_background_however_many_rows_it_has() -> None:
    network = dl.convert(dense_model([6, 5, 3]), dtype="float64")
    x = RNG.normal(size=(5, 6))
    for rows in (5, 1, 7):  # five, as x has: not one for each row
        background = RNG.normal(size=(rows, 6))
        found: Any = methods.deep_shap(network, x, background)
        named = methods.deep_shap(network, x, data=background)
        each = [methods.deeplift(network, x, reference).contributions for reference in background]
        np.testing.assert_allclose(found.contributions, np.mean(each, 0), atol=1e-12)
        np.testing.assert_array_equal(found.contributions, named.contributions)
        np.testing.assert_allclose(found.reference_outputs, np.repeat(network.predict(background)[:, 0].mean(), 5))
    own = RNG.normal(size=(5, 2, 6))
    found, expected = (method(network, x, own) for method in (methods.deep_shap, methods.deeplift))
    np.testing.assert_array_equal(found.contributions, expected.contributions)
    single, filled = methods.deep_shap(network, x, own[0, 0]), methods.deep_shap(network, x, 0.5)
    np.testing.assert_allclose(single.contributions, methods.deeplift(network, x, own[0, 0]).contributions)
    np.testing.assert_allclose(filled.contributions, methods.deeplift(network, x, 0.5).contributions)


@pytest.mark.parametrize("method", ["rescale", "reveal_cancel"])
def test_what_a_name_stands_for_is_closed(method: str) -> None:
    network, x = dl.convert(dense_model([6, 5, 3]), dtype="float64"), RNG.normal(size=(5, 6))
    with pytest.raises(dl.errors.MethodError, match=rf"deeplift with rule='{method}'; received rule='gradient'"):
        methods.METHODS[method](network, x, 0.0, rule="gradient")
    with pytest.raises(dl.errors.MethodError, match=r"received '.*:gradient'"):
        scoring_function(network, f"{method}:gradient")
    with pytest.raises(dl.errors.MethodError, match="no place for 'rule=gradient'"):
        scoring_function(network, f"{method}:rule=gradient")
    other = methods.METHODS[method](network, x, 0.0, multiply_by_inputs=False)
    expected = methods.deeplift(network, x, 0.0, rule=method, multiply_by_inputs=False)
    np.testing.assert_array_equal(other.contributions, expected.contributions)


def test_explanations_of_tokens_keep_their_axes() -> None:
    tokens = keras.Input((8,), dtype="int32")
    y = keras.layers.Flatten()(keras.layers.Embedding(9, 10)(tokens))
    network = dl.convert(keras.Model(tokens, keras.layers.Dense(2)(y)), dtype="float64")
    x, background = RNG.integers(0, 9, (5, 8)), RNG.integers(0, 9, (4, 8))
    single = methods.explanation(methods.deep_shap(network, x, background), x)
    assert single.values.shape == (5, 8, 10) and single.base_values.shape == (5,)
    np.testing.assert_allclose(single.base_values + single.values.sum((1, 2)), network.predict(x)[:, 0], atol=1e-9)
    assert np.ptp(single.base_values) < 1e-12
    several = methods.explanation(methods.deep_shap(network, x, background, targets=[0, 1]), x)
    assert several.values.shape == (5, 8, 10, 2) and several.base_values.shape == (5, 2)
    np.testing.assert_array_equal(several.values[..., 0], single.values)


def test_sums_that_do_not_add_up_are_an_error() -> None:
    """Singular values are approximate: on the path the smaller one turns at zero, between two of the nodes."""
    layers = keras.layers
    entry = keras.Input((2, 2))
    last = layers.Dense(1)
    model = keras.Model(entry, last(layers.Lambda(lambda x: tf.linalg.svd(x, compute_uv=False))(entry)))
    last.kernel.assign([[100], [-100]])
    network = dl.convert(model)
    x, reference = np.diag([1.0, -0.2])[None], np.diag([1.0, 0.5])
    with pytest.raises(dl.errors.DeepLiftError, match="check_additivity=False returns the scores"):
        methods.deep_shap(network, x, reference)
    scores = methods.deep_shap(network, x, reference, check_additivity=False)
    assert scores.delta is not None and np.abs(scores.delta).max() > 0.01
    with pytest.raises(dl.errors.DeepLiftError, match="they miss it by up to nan"):
        require_additivity(scores.replace(delta=scores.delta * np.nan))


def test_plots_of_shap_take_an_explanation(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    shap = pytest.importorskip("shap")
    from matplotlib import pyplot

    network = dl.convert(dense_model([6, 5, 3]), dtype="float64")
    x = RNG.normal(size=(20, 6))
    scores = methods.deep_shap(network, x, target=1, data=RNG.normal(size=(7, 6)))
    made = shap.Explanation(**methods.explanation(scores, x, feature_names=list("abcdef"))._asdict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SHAP's own
        for plot, what in ((shap.plots.waterfall, made[0]), (shap.plots.bar, made), (shap.plots.beeswarm, made)):
            plot(what, show=False)
            texts = [label.get_text() for axes in pyplot.gcf().axes for label in axes.get_yticklabels()]
            drawn = {text.split(" = ")[-1] for text in texts}  # "0.5 = a" where one row is drawn
            assert drawn >= set("abcdef")
            pyplot.close("all")


def test_explanation_has_the_names_and_axes_of_shap() -> None:
    network = dl.convert(dense_model([6, 5, 3]), dtype="float64")
    x, background = RNG.normal(size=(5, 6)), RNG.normal(size=(7, 6))
    scores = methods.deep_shap(network, x, targets=[0, 2], data=background)
    made = methods.explanation(scores, x, output_names=["a", "c"])
    assert made.values.shape == (5, 6, 2) and made.base_values.shape == (5, 2)
    # the promise that SHAP's waterfall plot relies on; exact rules in float64
    np.testing.assert_allclose(made.base_values + made.values.sum(1), network.predict(x)[:, [0, 2]], atol=1e-9)
    assert list(made._fields) == ["values", "base_values", "data", "feature_names", "output_names"]
    single = methods.explanation(methods.deep_shap(network, x, data=background), x)
    assert single.values.shape == (5, 6) and single.base_values.shape == (5,)
    with pytest.raises(dl.errors.ReferencesError, match="without any"):
        methods.explanation(methods.gradient(network, x), x)
