"""Models of keras_hub, small and with random weights, from their files: operation by operation, no block as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from tests.support.checks import assert_close_to_largest
from tests.support.graph_models import with_random_weights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
WORDS, LENGTH = 30, 7
TOKENS = {"vocabulary_size": WORDS, "num_layers": 2, "hidden_dim": 8, "intermediate_dim": 12, "dropout": 0.1}
ENCODER = {**TOKENS, "num_heads": 2, "max_sequence_length": 12}
IMAGE = (32, 32, 3)

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertBackbone", ENCODER),
    "distil_bert": ("DistilBertBackbone", ENCODER),
    "roberta": ("RobertaBackbone", ENCODER),
    "gpt2": ("GPT2Backbone", ENCODER),
    "llama": (
        "LlamaBackbone",
        {
            "vocabulary_size": WORDS,
            "num_layers": 2,
            "num_query_heads": 4,
            "num_key_value_heads": 2,
            "hidden_dim": 8,
            "intermediate_dim": 12,
        },
    ),
    "deberta_v3": ("DebertaV3Backbone", {**ENCODER, "bucket_size": 4}),
    "t5": ("T5Backbone", {**TOKENS, "num_heads": 2, "key_value_dim": 4}),
    "whisper": (
        "WhisperBackbone",
        {
            "vocabulary_size": WORDS,
            "num_layers": 2,
            "num_heads": 2,
            "hidden_dim": 8,
            "intermediate_dim": 12,
            "num_mels": 6,
            "max_encoder_sequence_length": 16,
            "max_decoder_sequence_length": 12,
        },
    ),
    "vit": (
        "ViTBackbone",
        {"image_shape": IMAGE, "patch_size": 16, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 12},
    ),
    "dinov2": (
        "DINOV2Backbone",
        {
            "patch_size": 16,
            "num_layers": 2,
            "hidden_dim": 8,
            "num_heads": 2,
            "intermediate_dim": 12,
            "image_shape": IMAGE,
            "position_embedding_shape": IMAGE[:2],
        },
    ),
    "swin": (
        "SwinTransformerBackbone",
        {
            "image_shape": IMAGE,
            "patch_size": 4,
            "embed_dim": 8,
            "depths": (2, 2),
            "num_heads": (2, 2),
            "window_size": 4,
        },
    ),
    "mit": (
        "MiTBackbone",
        {
            "layerwise_depths": [1, 1],
            "image_shape": IMAGE,
            "hidden_dims": [8, 8],
            "num_layers": 2,
            "layerwise_num_heads": [1, 2],
            "layerwise_sr_ratios": [2, 1],
            "max_drop_path_rate": 0.1,
            "layerwise_patch_sizes": [7, 3],
            "layerwise_strides": [4, 2],
        },
    ),
    "esm": ("ESMBackbone", {**TOKENS, "num_heads": 2, "use_pre_layer_norm": True, "max_wavelength": 100}),
}


def input_of(name: str, shape: tuple[int | None, ...], rng: np.random.Generator) -> np.ndarray:
    sizes = (3, *(LENGTH if size is None else size for size in shape[1:]))
    if "mask" in name:
        mask = np.ones(sizes, "int32")
        mask[0, -2:] = 0
        return mask
    if "segment" in name:
        return rng.integers(0, 2, sizes).astype("int32")
    if "token" in name or "ids" in name:
        return rng.integers(1, WORDS, sizes).astype("int32")
    return rng.normal(size=(*sizes[:1], 16, sizes[-1]) if len(sizes) == 3 else sizes).astype("float32")


@pytest.mark.parametrize("name", MODELS)
def test_from_its_file(name: str, tmp_path: Path) -> None:
    hub = pytest.importorskip("keras_hub")
    keras.utils.set_random_seed(0)
    kind, options = MODELS[name]
    model = with_random_weights(getattr(hub.models, kind)(**options))
    model.save(tmp_path / "model.keras")
    own = {each: getattr(hub.models, each) for each in dir(hub.models)}
    network = dl.convert(tmp_path / "model.keras", custom_objects={**own, "keras_hub": hub})
    model = keras.models.load_model(tmp_path / "model.keras")  # which interpolates embeddings of positions anew
    rng = np.random.default_rng(1)
    shapes = network.input_shapes
    x = {key: input_of(key, shape, rng) for key, shape in shapes.items()}
    references = {key: value if "mask" in key else input_of(key, shapes[key], rng) for key, value in x.items()}
    zeros = {key: value if "mask" in key else np.zeros_like(value) for key, value in x.items()}
    made = network.predict(x)
    outputs = list(made.values()) if isinstance(made, dict) else [made]
    expected = [np.asarray(y) for y in keras.tree.flatten(model(x if len(x) > 1 else next(iter(x.values()))))]
    assert_close_to_largest(outputs, expected, 1e-5, name)
    target = np.random.default_rng(4).normal(size=outputs[0].shape[1:]).astype("float32")
    assert all(row.exact for row in network.table())
    for before in (references, zeros):
        scores = network.compile()(x, before, target=target, output=network.output_names[0])
        assert scores.delta is not None and scores.reference_outputs is not None
        difference = np.abs(scores.outputs - scores.reference_outputs)
        assert (np.abs(scores.delta) <= 1e-3 * np.maximum(difference, 0.1 * difference.max())).all(), scores.delta
