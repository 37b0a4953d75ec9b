from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplift_tf.conversion.readers import read
from deeplift_tf.errors import DeepLiftError
from tests.support.installed import since_keras
from tests.support.saved_models import assert_same, outputs, quantize, randomised, rows, small_model


def save_keras(model: keras.Model, folder: Path) -> Any:
    model.save(folder / "model.keras")
    return folder / "model.keras"


def save_h5(model: keras.Model, folder: Path) -> Any:
    keras.saving.save_model(model, folder / "model.keras")  # the suffix decides the format that Keras writes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("absl.logging.warning", lambda *_: None)  # Keras calls its own format legacy
        model.save(folder / "model.h5")
    return folder / "model.h5"


def save_pair(model: keras.Model, folder: Path) -> Any:
    (folder / "model.json").write_text(model.to_json())
    model.save_weights(folder / "model.weights.h5")
    return folder / "model.json", folder / "model.weights.h5"


def save_pair_by_layer(model: keras.Model, folder: Path) -> Any:
    whole = save_h5(model, folder)
    with h5py.File(whole) as source, h5py.File(folder / "weights_only.h5", "w") as target:
        for name in source["model_weights"]:
            source.copy(f"model_weights/{name}", target)
        for name, value in source["model_weights"].attrs.items():
            target.attrs[name] = value
    (folder / "model.json").write_text(model.to_json())
    return str(folder / "model.json"), str(folder / "weights_only.h5")


FORMATS = [save_keras, save_h5, save_pair, save_pair_by_layer]


@pytest.fixture(params=FORMATS, ids=lambda save: save.__name__)
def save(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_round_trip(save: Any, tmp_path: Path) -> None:
    original = small_model()
    model = read(save(original, tmp_path))
    assert_same(model, original)
    assert [layer.name for layer in model.layers] == [layer.name for layer in original.layers]
    assert [layer.name for layer in model.get_layer("encoder").layers][1:] == ["conv", "norm", "pool"]
    assert not model.compiled


def test_a_compiled_model_comes_without_its_optimizer(save: Any, tmp_path: Path) -> None:
    original = small_model()
    original.compile("adam", "mse")
    model = read(save(original, tmp_path))
    assert_same(model, original)
    assert not model.compiled
    assert getattr(model, "optimizer", None) is None


LAYERS = {
    "recurrent": lambda: [
        keras.Input((5, 3)),
        keras.layers.Masking(),
        keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True, recurrent_activation="hard_sigmoid")),
        keras.layers.TimeDistributed(keras.layers.Dense(3, activation="gelu")),
        keras.layers.RNN([keras.layers.GRUCell(2), keras.layers.SimpleRNNCell(2)]),
    ],
    "image": lambda: [
        keras.Input((8, 8, 4)),
        keras.layers.DepthwiseConv2D(3),
        keras.layers.Conv2DTranspose(3, 2, strides=2),
        keras.layers.SeparableConv2D(4, 3),
        keras.layers.GroupNormalization(2),
        keras.layers.LeakyReLU(0.2),
        keras.layers.PReLU(),
        keras.layers.SpatialDropout2D(0.5),
        keras.layers.Flatten(),
    ],
    "normalization": lambda: [
        keras.Input((3,)),
        keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0]),
        keras.layers.Dense(4, kernel_regularizer="l2", kernel_constraint="max_norm", activity_regularizer="l1"),
        keras.layers.LayerNormalization(),
        *(getattr(keras.layers, name)() for name in ["RMSNormalization"] if hasattr(keras.layers, name)),
    ],
}


WHOLE_AND_PAIRS = [save_keras, save_h5, *(pytest.param(one, marks=pytest.mark.slow) for one in FORMATS[2:])]


@pytest.mark.parametrize("save", WHOLE_AND_PAIRS)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_many_kinds(name: str, save: Any, tmp_path: Path) -> None:
    original = randomised(keras.Sequential(LAYERS[name]()))
    assert_same(read(save(original, tmp_path)), original)


def test_a_normalization_that_was_adapted(save: Any, tmp_path: Path) -> None:
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(3.0, 2.0, size=(20, 3)).astype("float32"))
    original = keras.Sequential([keras.Input((3,)), layer])
    assert_same(read(save(original, tmp_path)), original)


def test_attention_with_a_keyword_tensor(save: Any, tmp_path: Path) -> None:
    query, value = keras.Input((4, 3)), keras.Input((5, 3))
    attended = keras.layers.MultiHeadAttention(2, 3)(query, value=value)
    original = randomised(keras.Model([query, value], attended))
    assert_same(read(save(original, tmp_path)), original)


class Scaled(keras.Model):
    """A functional model with a variable of its own, outside any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scale = self.add_weight(shape=(2,), name="scale")

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        return self.scale * super().call(inputs, training=training, mask=mask)


def test_a_variable_of_the_model_itself(tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    original = randomised(Scaled(inputs, keras.layers.Dense(2)(inputs)))
    for save in (save_keras, save_h5):
        assert_same(read(save(original, tmp_path), custom_objects={"Scaled": Scaled}), original)


def test_a_vocabulary_kept_beside_the_weights(tmp_path: Path) -> None:
    lookup = keras.layers.StringLookup(output_mode="multi_hot")
    lookup.adapt(["a", "c", "g", "t", "g"])
    original = randomised(keras.Sequential([keras.Input((2,), dtype="string"), lookup, keras.layers.Dense(2)]))
    words = tf.constant([["a", "g"], ["t", "n"]])
    found = read(save_keras(original, tmp_path))(words)
    np.testing.assert_allclose(found, original(words), rtol=1e-6)


def test_a_live_model_is_returned_as_it_is() -> None:
    model = small_model()
    assert read(model) is model


def test_weights_for_a_live_model_go_into_a_copy(tmp_path: Path) -> None:
    original, other = small_model(), small_model()
    other.set_weights([0 * weight for weight in other.get_weights()])
    before = outputs(other, rows(other))
    for weights in (save_pair(original, tmp_path)[1], save_pair_by_layer(original, tmp_path)[1]):
        assert_same(read((other, weights)), original)
        np.testing.assert_array_equal(outputs(other, rows(other))[0], before[0])


def test_the_format_is_told_by_content(tmp_path: Path) -> None:
    original = small_model()
    for save in (save_keras, save_h5):
        path = save(original, tmp_path)
        renamed = path.rename(tmp_path / "model.bin")
        assert_same(read(renamed), original)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"])
def test_low_precision_computes_in_float32(policy: str, tmp_path: Path) -> None:
    recurrent = keras.layers.LSTM(2, dtype=policy, recurrent_initializer="zeros")  # no QR of bfloat16 in TensorFlow
    original = randomised(keras.Sequential([keras.Input((6, 4)), keras.layers.Conv1D(3, 3, dtype=policy), recurrent]))
    model = read(save_keras(original, tmp_path))
    wanted = "float64" if policy == "float64" else "float32"
    assert {layer.compute_dtype for layer in model.layers} == {wanted}
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in model.weights} == {wanted}
    for found, stored in zip(model.weights, original.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(found, "float64"), np.asarray(stored).astype("float64"))


@pytest.mark.parametrize("mode", ["int8", "float8"])
@pytest.mark.slow_for("save_pair_by_layer-int8", "save_h5-int8", "save_pair-int8", "save_keras-int8")
def test_quantised_models_become_float32_ones(mode: str, save: Any, tmp_path: Path) -> None:
    tokens = keras.Input((5,), dtype="int32")
    hidden = keras.layers.Embedding(9, 4)(tokens)
    hidden = keras.layers.EinsumDense("abc,cde->abde", output_shape=(5, 2, 3), bias_axes="de")(hidden)
    hidden = keras.layers.Dense(2, activation="tanh")(keras.layers.Flatten()(hidden))
    plain = randomised(keras.Model(tokens, hidden))
    rounded = keras.models.clone_model(plain)
    rounded.set_weights(plain.get_weights())
    quantize(rounded, mode)
    model = read(save(rounded, tmp_path))
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    for found, expected in zip(model.get_weights(), plain.get_weights(), strict=True):
        # int8 rounds to one part in 127 of the largest weight that shares the scale, half of that either way;
        # float8 rounds kernels to three bits behind the first, so by 1/16 at most, and by 2**-10 near zero
        steps = {"int8": (1e-7, 0.5 * np.abs(expected).max() / 127), "float8": (1 / 16, 2**-10)}[mode]
        np.testing.assert_allclose(found, expected, rtol=steps[0], atol=steps[1] + 1e-6)


def packed_layers(policy: str) -> list[keras.layers.Layer]:
    """Layers whose weights are packed, with an odd number of outputs and with one."""
    einsum = keras.layers.EinsumDense("abc,cde->abde", output_shape=(3, 2, 3), bias_axes="de", dtype=policy)
    return [
        keras.Input((3, 6)),
        einsum,
        keras.layers.Reshape((3, 6)),
        keras.layers.Dense(5, dtype=policy),
        keras.layers.Dense(1, dtype=policy),
    ]


def with_all_variables(layer: Any, store: Any) -> None:
    """Save a layer with its zero points, which Keras 3.15 leaves out of gptq and awq (and then cannot read)."""
    names = layer.variable_serialization_spec[layer.quantization_mode]
    found = [getattr(layer, "_kernel" if name == "kernel" else name, None) for name in names]
    for index, variable in enumerate(each for each in found if each is not None):
        store[str(index)] = variable


@since_keras(3, 15, "these dtype policies")
@pytest.mark.parametrize("policy", ["int4", "int4/2", "gptq/4/2", "gptq/8/-1", "awq/4/3"])
def test_packed_weights_are_unpacked(policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = keras.Sequential(packed_layers(f"{policy}_from_float32"))
    random = np.random.default_rng(5)
    for layer in original.layers:
        layer.is_gptq_calibrated, layer.is_awq_calibrated = "gptq" in policy, "awq" in policy
        groups = {"int4/2": 3, "gptq/4/2": 3, "awq/4/3": 2}.get(policy, 1)
        for variable in layer.variables:
            integers = groups if variable.name == "g_idx" else 100
            if "int" in variable.dtype or variable.name == "g_idx":
                variable.assign(random.integers(0, integers, variable.shape))
            else:
                variable.assign(random.uniform(0.5, 2.0, variable.shape))
    for kind in (keras.layers.Dense, keras.layers.EinsumDense):
        monkeypatch.setattr(kind, "save_own_variables", with_all_variables)
    model = read(save_keras(original, tmp_path))
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    for layer in original.layers:
        layer.inputs_quantizer = None  # activations are not rounded in what is read
    assert_same(model, original, rtol=1e-5)


@since_keras(3, 12, "int4")
@pytest.mark.parametrize("options", [{}, {"tie_weights": False}])
@pytest.mark.slow_for("options1")
def test_packed_embeddings(options: dict[str, Any], tmp_path: Path) -> None:
    plain = randomised(
        keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.ReversibleEmbedding(7, 5, **options)])
    )
    rounded = keras.models.clone_model(plain)
    rounded.set_weights(plain.get_weights())
    quantize(rounded, "int4")
    model = read(save_keras(rounded, tmp_path))
    for found, expected in zip(model.get_weights(), plain.get_weights(), strict=True):
        # four bits round to one part in 7 of the largest weight that shares the scale; half of that either way
        np.testing.assert_allclose(found, expected, atol=0.5 * np.abs(expected).max() / 7 + 1e-6)


@keras.saving.register_keras_serializable("tests", "Doubled")
class Doubled(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return 2.0 * x


class Tripled(keras.layers.Layer):
    def __init__(self, factor: float = 3.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return self.factor * x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def cubed(x: Any) -> Any:
    return x**3


def test_custom_objects(save: Any, tmp_path: Path) -> None:
    layers = [keras.Input((3,)), Tripled(2.5, name="mine"), keras.layers.Dense(2, activation=cubed), Doubled()]
    original = randomised(keras.Sequential(layers))
    source = save(original, tmp_path)
    model = read(source, custom_objects={"Tripled": Tripled, "cubed": cubed})
    assert_same(model, original)
    assert type(model.get_layer("mine")) is Tripled


def test_a_lambda_layer_whose_function_the_user_supplies(save: Any, tmp_path: Path) -> None:
    layers = [keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1.0, name="plus", output_shape=(3,))]
    original = keras.Sequential(layers)
    source = save(original, tmp_path)
    model = read(source, custom_objects={"plus": cubed})
    np.testing.assert_allclose(outputs(model, rows(model))[0], rows(model)[0] ** 3, rtol=1e-6)


def test_a_lambda_layer_of_a_trusted_file(save: Any, tmp_path: Path) -> None:
    layers = [keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1.0, name="plus", output_shape=(3,))]
    original = keras.Sequential(layers)
    assert_same(read(save(original, tmp_path), safe_mode=False), original)


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def keras_state() -> dict[str, Any]:
    return {
        "objects": dict(keras.saving.get_custom_objects()),
        "policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "format": keras.config.image_data_format(),
        "safe": keras.src.saving.serialization_lib.in_safe_mode(),
        "scope": dict(keras.src.backend.common.global_state.get_global_attribute("custom_objects_scope_dict") or {}),
    }


@pytest.mark.parametrize("damaged", [False, True])
def test_nothing_is_left_behind(save: Any, damaged: bool, tmp_path: Path, temporary: Path) -> None:
    source = save(small_model(), tmp_path)
    files = [Path(path) for path in (source if isinstance(source, tuple) else [source])]
    if damaged:
        files[-1].write_bytes(files[-1].read_bytes()[:-2000])
    contents = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    listing = sorted(tmp_path.iterdir())
    keras.config.set_image_data_format("channels_first")
    try:
        before = keras_state()
        if damaged:
            with pytest.raises(DeepLiftError):
                read(source, custom_objects={"cubed": cubed})
        else:
            read(source, custom_objects={"cubed": cubed}, safe_mode=False)
        assert keras_state() == before
    finally:
        keras.config.set_image_data_format("channels_last")
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == contents
    assert sorted(tmp_path.iterdir()) == listing
    assert list(temporary.iterdir()) == []


def test_settings_of_the_process_do_not_change_what_is_read(save: Any, tmp_path: Path) -> None:
    original = small_model()
    source = save(original, tmp_path)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = read(source)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert_same(model, original)
