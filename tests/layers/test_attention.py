"""Attention: products, softmax and masks are exact, also where one tensor is query, key and value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras import layers

import deeplift_tf as dl
from tests.support.sequences import check, model_of, token_model_of

MODELS: dict[str, Callable[[Any], Any]] = {
    "attention": lambda x: layers.Attention(use_scale=True)([x, x]),
    "additive": lambda x: layers.AdditiveAttention()([x, layers.Dense(4)(x)]),
    "heads": lambda x: layers.MultiHeadAttention(2, 3)(x, x),
    "heads_causal_dropout": lambda x: layers.MultiHeadAttention(2, 3, dropout=0.1)(x, x, use_causal_mask=True),
    "grouped": lambda x: layers.GroupQueryAttention(3, 4, 2)(x, x),
}
OPTIONS: dict[str, Callable[[Any], Any]] = {
    "concat_causal": lambda x: layers.Attention(score_mode="concat")([x, layers.Dense(4)(x)], use_causal_mask=True),
    "attention_scores": lambda x: layers.Attention()([x, x], return_attention_scores=True)[1],
    "heads_causal": lambda x: layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True),
    "heads_scores": lambda x: layers.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)[0],
    "heads_of_two": lambda x: layers.MultiHeadAttention(2, 3)(x, layers.Dense(4)(x)[:, :3]),
    "heads_value_dim": lambda x: layers.MultiHeadAttention(2, 3, value_dim=2, output_shape=5)(x, x),
}


# Keras warns where a layer behind a masked one lets go of the mask; that is how these models are meant
pytestmark = pytest.mark.filterwarnings("ignore:Layer '.*' .of type:UserWarning")
QUICK = ("additive", "heads_causal_dropout")


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.slow_for("heads_causal_dropout")
def test_attention(name: str) -> None:
    check(model_of(MODELS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(name for name in MODELS if name not in QUICK), *OPTIONS])
def test_option(name: str) -> None:
    check(model_of((MODELS | OPTIONS)[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_float32(name: str) -> None:
    check(model_of(MODELS[name]), "rescale", "float32")


@pytest.mark.parametrize("name", ["heads", pytest.param("attention", marks=pytest.mark.slow)])
def test_masked_tokens_get_nothing(name: str) -> None:
    def summed(x: Any) -> Any:
        return layers.GlobalAveragePooling1D()(MODELS[name](x))

    tokens = check(token_model_of(summed)).per_token()
    assert np.abs(tokens[:, 0, 3:]).max() <= 1e-12 * np.abs(tokens).max()


@pytest.mark.slow
def test_grouped_attention_with_a_mask() -> None:
    check(token_model_of(MODELS["grouped"]))


@pytest.mark.parametrize("name", ["heads", "grouped"])
def test_masks_are_kept_along_a_path(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads find the mask of the queries on the tensor itself, not among their arguments."""
    monkeypatch.setattr("deeplift_tf.conversion.keras_graph.context.unfolded", lambda context: None)
    monkeypatch.setattr("deeplift_tf.conversion.keras_graph.context.ConversionContext.walked", lambda context: None)
    model = token_model_of(MODELS[name])
    network = dl.convert(model)
    assert any(row.kind == "Path" for row in network.table())
    tokens = np.array([[1, 2, 3, 0, 0], [2, 0, 0, 0, 0]])
    expected = np.asarray(model(tokens))
    np.testing.assert_allclose(network.predict(tokens), expected, atol=1e-5 * np.abs(expected).max())
