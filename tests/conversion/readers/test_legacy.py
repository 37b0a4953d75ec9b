"""Files as Keras 1 and 2 wrote them, made by hand, against a plain numpy forward of what those versions computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.conversion.readers import read
from deeplift_tf.errors import ModelFileError, UnsupportedLayerError
from tests.support.saved_models import Array, functional, inputs_named, layer, outputs, sequential, write_legacy_h5

RANDOM = np.random.default_rng(11)
RTOL = 2e-6  # sums of some tens of float32 products


def array(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype("float32")


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x: Array) -> Array:
    return np.clip(0.2 * x + 0.5, 0, 1)


def correlate(x: Array, kernel: Array) -> Array:
    """Valid convolution over all axes but the first and last, as TensorFlow defines it."""
    space = kernel.shape[:-2]
    windows = np.lib.stride_tricks.sliding_window_view(x, space, axis=tuple(range(1, 1 + len(space))))
    axes = list(range(-len(space), 0))
    return np.tensordot(windows, kernel, axes=([1 + len(space), *axes], [len(space), *range(len(space))]))


def assert_outputs(model: Any, x: Array, expected: Array) -> None:
    np.testing.assert_allclose(outputs(model, [x])[0], expected, rtol=RTOL, atol=RTOL * np.abs(expected).max())


def read_sequential(path: Path, layers: list[dict[str, Any]], weights: dict[str, Any], **kwargs: Any) -> Any:
    kwargs = {"keras_version": "1.1.2", "backend": None, **kwargs}
    return read(write_legacy_h5(path / "model.h5", sequential(*layers), weights, **kwargs))


KERAS_1_DENSE = {"init": "glorot_uniform", "W_regularizer": None, "b_constraint": None, "bias": True}


def test_keras_1_dense(tmp_path: Path) -> None:
    kernel, bias, x = array(4, 3), array(3), array(5, 4)
    first = layer("Dense", "dense_1", output_dim=3, activation="tanh", batch_input_shape=[None, 4], input_dim=4)
    first["config"].update(KERAS_1_DENSE, input_dtype="float32")
    layers = [first, layer("Dropout", "dropout_1", p=0.5), layer("GaussianNoise", "noise_1", sigma=0.3)]
    model = read_sequential(tmp_path, layers, {"dense_1": [("dense_1_W", kernel), ("dense_1_b", bias)]})
    assert_outputs(model, x, np.tanh(x @ kernel + bias))
    assert [one.name for one in model.layers] == ["dense_1", "dropout_1", "noise_1"]
    assert [tensor.name for tensor in model.inputs] == ["dense_1_input"]


@pytest.mark.parametrize("ordering", ["tf", "th"])
def test_keras_1_convolution2d(ordering: str, tmp_path: Path) -> None:
    # eight columns: TensorFlow's compiler adds the bias along the columns where there are as many as filters
    kernel, bias, x = array(2, 3, 4, 5), array(5), array(3, 6, 8, 4)
    expected = np.maximum(correlate(x, kernel) + bias, 0)
    stored = kernel if ordering == "tf" else kernel.transpose(3, 2, 0, 1)
    if ordering == "th":
        x, expected = x.transpose(0, 3, 1, 2), expected.transpose(0, 3, 1, 2)
    conv = layer("Convolution2D", "conv", nb_filter=5, nb_row=2, nb_col=3, border_mode="valid", subsample=[1, 1])
    conv["config"].update(KERAS_1_DENSE, activation="relu", dim_ordering=ordering)
    conv["config"]["batch_input_shape"] = [None, *x.shape[1:]]
    model = read_sequential(tmp_path, [conv, layer("Flatten", "flat")], {"conv": [("conv_W", stored), ("b", bias)]})
    found = tf.function(model, jit_compile=True)(x)  # TensorFlow has no NCHW convolution on CPUs; its compiler does
    np.testing.assert_allclose(found, expected.reshape(3, -1), rtol=RTOL, atol=1e-5)


def test_weights_of_theano_are_flipped(tmp_path: Path) -> None:
    kernel, bias, x = array(2, 3, 4, 5), array(5), array(3, 6, 7, 4)
    conv = layer("Conv2D", "conv", filters=5, kernel_size=[2, 3], batch_input_shape=[None, 6, 7, 4])
    weights = {"conv": [("conv/kernel:0", kernel[::-1, ::-1]), ("conv/bias:0", bias)]}
    model = read_sequential(tmp_path, [conv], weights, keras_version="2.0.8", backend="theano")
    assert_outputs(model, x, correlate(x, kernel) + bias)


@pytest.mark.parametrize("age", ["1.2", "1.0"])
def test_keras_1_convolution1d(age: str, tmp_path: Path) -> None:
    kernel, bias, x = array(3, 4, 5), array(5), array(2, 9, 4)
    stored = kernel[:, None] if age == "1.2" else kernel.transpose(2, 1, 0)[..., None]
    conv = layer("Convolution1D", "conv", nb_filter=5, filter_length=3, border_mode="valid", subsample_length=1)
    conv["config"].update(KERAS_1_DENSE, batch_input_shape=[None, 9, 4], input_dim=4, input_length=9)
    pool = layer("MaxPooling1D", "pool", pool_length=2, stride=2, border_mode="valid")
    model = read_sequential(tmp_path, [conv, pool], {"conv": [("W", stored), ("b", bias)]})
    expected = (correlate(x, kernel) + bias)[:, :6].reshape(2, 3, 2, 5).max(2)
    assert_outputs(model, x, expected)


def test_keras_1_atrous_convolution_and_batch_normalization(tmp_path: Path) -> None:
    kernel, x = array(3, 2, 4), array(2, 9, 2)
    gamma, beta, mean, variance = array(4), array(4), array(4), np.abs(array(4)) + 0.5
    conv = layer("AtrousConvolution1D", "conv", nb_filter=4, filter_length=3, atrous_rate=2, bias=False)
    conv["config"].update(border_mode="valid", batch_input_shape=[None, 9, 2])
    norm = layer("BatchNormalization", "norm", mode=0, axis=-1, epsilon=1e-3, beta_init="zero", gamma_regularizer=None)
    stored = {
        "conv": [("conv_W", kernel[:, None])],
        "norm": [("gamma", gamma), ("beta", beta), ("running_mean", mean), ("running_std", variance)],
    }
    dilated = np.zeros((5, 2, 4), "float32")
    dilated[::2] = kernel
    expected = (correlate(x, dilated) - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    assert_outputs(read_sequential(tmp_path, [conv, norm], stored), x, expected)


def lstm(x: Array, kernel: Array, recurrent: Array, bias: Array, gate: Any = hard_sigmoid) -> Array:
    """Gates in the order i, f, c, o."""
    h = c = np.zeros((len(x), recurrent.shape[0]), "float32")
    for step in range(x.shape[1]):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
    return h


def gru(x: Array, kernel: Array, recurrent: Array, bias: Array, after: Array | None = None) -> Array:
    """Gates in the order z, r, h; with a second bias, the reset follows the product."""
    h = np.zeros((len(x), recurrent.shape[0]), "float32")
    gate = hard_sigmoid if after is None else sigmoid
    for step in range(x.shape[1]):
        (xz, xr, xh), (uz, ur, uh) = np.split(x[:, step] @ kernel + bias, 3, axis=1), np.split(recurrent, 3, axis=1)
        az, ar, ah = np.split(after, 3) if after is not None else (0, 0, 0)
        z, r = gate(xz + h @ uz + az), gate(xr + h @ ur + ar)
        candidate = np.tanh(xh + (r * h) @ uh) if after is None else np.tanh(xh + r * (h @ uh + ah))
        h = z * h + (1 - z) * candidate
    return h


KERAS_1_RECURRENT = {"output_dim": 3, "inner_activation": "hard_sigmoid", "activation": "tanh", "inner_init": "x"}


def by_gate(gates: str, order: str, kernel: Array, recurrent: Array, bias: Array) -> list[tuple[str, Array]]:
    """Three arrays for each of `gates`, from arrays joined in `order`."""
    parts = [dict(zip(order, np.split(whole, len(order), axis=-1), strict=True)) for whole in (kernel, recurrent, bias)]
    return [(f"{kind}_{gate}", part[gate]) for gate in gates for kind, part in zip("WUb", parts, strict=True)]


def test_keras_1_lstm_of_twelve_arrays(tmp_path: Path) -> None:
    kernel, recurrent, bias, x = array(2, 12), array(3, 12), array(12), array(4, 5, 2)
    described = layer("LSTM", "lstm", batch_input_shape=[None, 5, 2], consume_less="cpu", dropout_W=0.1)
    described["config"].update(KERAS_1_RECURRENT, forget_bias_init="one", return_sequences=False, unroll=True)
    model = read_sequential(tmp_path, [described], {"lstm": by_gate("icfo", "ifco", kernel, recurrent, bias)})
    assert_outputs(model, x, lstm(x, kernel, recurrent, bias))


def test_keras_1_gru_of_nine_arrays(tmp_path: Path) -> None:
    kernel, recurrent, bias, x = array(2, 9), array(3, 9), array(9), array(4, 5, 2)
    described = layer("GRU", "gru", batch_input_shape=[None, 5, 2], **KERAS_1_RECURRENT)
    model = read_sequential(tmp_path, [described], {"gru": by_gate("zrh", "zrh", kernel, recurrent, bias)})
    assert_outputs(model, x, gru(x, kernel, recurrent, bias))


def test_keras_1_bidirectional(tmp_path: Path) -> None:
    weights = [(array(2, 12), array(3, 12), array(12)) for _ in range(2)]
    x = array(4, 5, 2)
    inner = layer("LSTM", "inner", **KERAS_1_RECURRENT)
    described = layer("Bidirectional", "both", layer=inner, merge_mode="concat", batch_input_shape=[None, 5, 2])
    stored = [(f"{side}_{name}", part) for side, one in zip("fb", weights, strict=True)
              for name, part in by_gate("icfo", "ifco", *one)]  # fmt: skip
    model = read_sequential(tmp_path, [described], {"both": stored})
    expected = np.concatenate([lstm(x, *weights[0]), lstm(x[:, ::-1], *weights[1])], axis=1)
    assert_outputs(model, x, expected)


def cudnn(kernel: Array, recurrent: Array, gates: int) -> list[Array]:
    """Kernels as CuDNN layers store them: each gate by column, its transpose for the recurrent one."""
    rows, columns = kernel.shape[0], kernel.shape[1] // gates
    stored = [part.T.reshape(rows, columns) for part in np.split(kernel, gates, axis=1)]
    return [np.hstack(stored), np.hstack([part.T for part in np.split(recurrent, gates, axis=1)])]


def test_cudnn_layers(tmp_path: Path) -> None:
    x = array(4, 5, 2)
    kernel, recurrent, bias, after = array(2, 12), array(3, 12), array(12), array(12)
    stored = [*cudnn(kernel, recurrent, 4), np.concatenate([bias, after])]
    described = layer("CuDNNLSTM", "lstm", units=3, batch_input_shape=[None, 5, 2])
    weights = {"lstm": [(f"lstm/{i}", part) for i, part in enumerate(stored)]}
    model = read_sequential(tmp_path, [described], weights, keras_version="2.2.4", backend="tensorflow")
    assert_outputs(model, x, lstm(x, kernel, recurrent, bias + after, gate=sigmoid))
    kernel, recurrent, bias, after = array(2, 9), array(3, 9), array(9), array(9)
    stored = [*cudnn(kernel, recurrent, 3), np.concatenate([bias, after])]
    described = layer("CuDNNGRU", "gru", units=3, batch_input_shape=[None, 5, 2])
    weights = {"gru": [(f"gru/{i}", part) for i, part in enumerate(stored)]}
    model = read_sequential(tmp_path, [described], weights, keras_version="2.2.4", backend="tensorflow")
    assert_outputs(model, x, gru(x, kernel, recurrent, bias, after))


def test_keras_2_gru_without_reset_after(tmp_path: Path) -> None:
    kernel, recurrent, bias, x = array(2, 9), array(3, 9), array(9), array(4, 5, 2)
    described = layer("GRU", "gru", units=3, recurrent_activation="hard_sigmoid", batch_input_shape=[None, 5, 2])
    weights = {"gru": [("gru/kernel:0", kernel), ("gru/recurrent_kernel:0", recurrent), ("gru/bias:0", bias)]}
    model = read_sequential(tmp_path, [described], weights, keras_version="2.0.6", backend="tensorflow")
    assert_outputs(model, x, gru(x, kernel, recurrent, bias))


def test_hard_sigmoid_is_that_of_the_version_that_wrote_the_file(tmp_path: Path) -> None:
    x = np.linspace(-4, 4, 33, dtype="float32")[:, None]
    described = layer("Activation", "squash", activation="hard_sigmoid", batch_input_shape=[None, 1])
    old = read_sequential(tmp_path, [described], {"squash": []}, keras_version="2.4.0")
    assert_outputs(old, x, hard_sigmoid(x))
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        layer("InputLayer", "in", batch_shape=[None, 1]), layer("Activation", "squash", activation="hard_sigmoid"),
    ]}}  # fmt: skip
    for one in config["config"]["layers"]:  # type: ignore[index]
        del one["config"]["trainable"]
    new = read(write_legacy_h5(tmp_path / "new.h5", config, {"squash": []}, keras_version="3.1.0"))
    assert_outputs(new, x, np.clip(x / 6 + 0.5, 0, 1))


def test_merge_modes_of_keras_1(tmp_path: Path) -> None:
    a, b = array(4, 3), array(4, 3)
    expected = {
        "sum": a + b,
        "mul": a * b,
        "ave": (a + b) / 2,
        "max": np.maximum(a, b),
        "concat": np.hstack([a, b]),
        "dot": (a * b).sum(1, keepdims=True),
        "cos": ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))[:, None],
    }
    for mode, value in expected.items():
        layers = inputs_named("ab", [None, 3])
        layers[0][0]["config"]["input_dtype"] = "float32"
        merge = layer("Merge", "merge", mode=mode, mode_type="raw", concat_axis=-1, dot_axes=[1, 1], output_shape=None)
        config = functional([*layers, (merge, [[["a", 0, 0], ["b", 0, 0]]])], "ab", [["merge", 0, 0]])
        model = read(write_legacy_h5(tmp_path / f"{mode}.h5", config, {"merge": []}, keras_version="1.2.2"))
        np.testing.assert_allclose(outputs(model, [a, b])[0], value, rtol=1e-5, atol=1e-6)


def dense(name: str, units: int, **config: Any) -> dict[str, Any]:
    return layer("Dense", name, units=units, activation="linear", use_bias=False, **config)


def inner_model(kind: str) -> tuple[dict[str, Any], Any]:
    """A model inside a model, with its call counted as Keras 2 does."""
    if kind == "list":  # Keras 2.0 to 2.2, whose Sequential has no name of its own
        return {"class_name": "Sequential", "config": [dense("d", 3, batch_input_shape=[None, 4])]}, 1
    inner = functional([*inputs_named("i", [None, 4]), (dense("d", 3), [[["i", 0, 0, {}]]])], ["i"], [["d", 0, 0]])
    return inner, 1


@pytest.mark.parametrize("kind", ["list", "functional"])
@pytest.mark.parametrize("is_output", [False, True])
def test_a_model_inside_a_functional_model(kind: str, is_output: bool, tmp_path: Path) -> None:
    kernel, other, a, b = array(4, 3), array(3, 2), array(5, 4), array(5, 4)
    inner, first = inner_model(kind)
    inputs = inputs_named("ab", [None, 4])
    twice = [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]
    top = [(dense("top", 2), [[["inner", first, 0, {}]]])]
    config = functional(inputs, "ab", [["top", 0, 0], ["inner", first + is_output, 0]])
    described = {**inner, "name": "inner", "inbound_nodes": twice}
    config["config"]["layers"] += [described, *({**one, "name": "top", "inbound_nodes": nodes} for one, nodes in top)]
    if not is_output:  # then the second call feeds the top layer instead
        config["config"]["layers"][-1]["inbound_nodes"] = [[["inner", first + 1, 0, {}]]]
        config["config"]["output_layers"] = [["top", 0, 0]]
    weights = {"inner": [("d/kernel:0", kernel)], "top": [("top/kernel:0", other)]}
    model = read(write_legacy_h5(tmp_path / "model.h5", config, weights))
    found = outputs(model, [a, b])
    expected = [a @ kernel @ other, b @ kernel] if is_output else [b @ kernel @ other]
    for one, value in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, value, rtol=1e-5, atol=1e-5)


def test_a_model_inside_a_sequential(tmp_path: Path) -> None:
    kernel, other, x = array(4, 3), array(3, 2), array(5, 4)
    for kind in ("list", "functional"):
        inner, _ = inner_model(kind)
        layers = [inner, dense("top", 2)]
        weights = {"sequential_1": [("d/kernel:0", kernel)], "top": [("top/kernel:0", other)]}
        model = read_sequential(tmp_path, layers, weights, keras_version="2.1.0", backend="tensorflow")
        assert_outputs(model, x, x @ kernel @ other)


def test_weights_go_by_name_where_layers_are_listed_in_another_order(tmp_path: Path) -> None:
    left, right, x = array(4, 4), array(4, 4), array(3, 4)
    inputs = inputs_named("x", [None, 4])
    node = [[["x", 0, 0, {}]]]
    config = functional([*inputs, (dense("l", 4), node), (dense("r", 4), node)], ["x"], [["l", 0, 0], ["r", 0, 0]])
    weights = {"r": [("r/kernel:0", right)], "x": [], "l": [("l/kernel:0", left)]}
    found = outputs(read(write_legacy_h5(tmp_path / "model.h5", config, weights)), [x])
    np.testing.assert_allclose(found[0], x @ left, rtol=1e-5)
    np.testing.assert_allclose(found[1], x @ right, rtol=1e-5)


def test_a_state_given_as_a_tensor(tmp_path: Path) -> None:
    kernel, recurrent, bias = array(2, 12), array(3, 12), array(12)
    x, h, c = array(4, 1, 2), array(4, 3), array(4, 3)
    inputs = [*inputs_named("x", [None, 1, 2]), *inputs_named("hc", [None, 3])]
    recurrent_layer = layer("LSTM", "lstm", units=3, recurrent_activation="sigmoid", activation="tanh")
    nodes = [[["x", 0, 0, {}], ["h", 0, 0, {}], ["c", 0, 0, {}]]]
    config = functional([*inputs, (recurrent_layer, nodes)], "xhc", [["lstm", 0, 0]])
    weights = {"lstm": [("lstm/kernel:0", kernel), ("lstm/recurrent_kernel:0", recurrent), ("lstm/bias:0", bias)]}
    model = read(write_legacy_h5(tmp_path / "model.h5", config, weights))
    i, f, g, o = (part for part in np.split(x[:, 0] @ kernel + h @ recurrent + bias, 4, axis=1))
    expected = sigmoid(o) * np.tanh(sigmoid(f) * c + sigmoid(i) * np.tanh(g))
    np.testing.assert_allclose(outputs(model, [x, h, c])[0], expected, rtol=1e-5, atol=1e-6)


def locally_connected(x: Array, kernel: Array, size: tuple[int, int], strides: tuple[int, int]) -> Array:
    """A kernel for each position, as Keras 1 and 2 wrote it down: the windows by rows and columns, then channels."""
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(x.shape[1:3], size, strides, strict=True))
    y = np.zeros((len(x), rows, columns, kernel.shape[-1]), "float32")
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * strides[0] :][:, : size[0], j * strides[1] :][:, :, : size[1]]
            y[:, i, j] = window.reshape(len(x), -1) @ kernel[i * columns + j]
    return y


def test_locally_connected_2d(tmp_path: Path) -> None:
    kernel, bias, x = array(12, 18, 4), array(4, 3, 4), array(5, 6, 7, 3)
    local = layer("LocallyConnected2D", "local", filters=4, kernel_size=[3, 2], strides=[1, 2], padding="valid")
    local["config"].update(activation="tanh", batch_input_shape=[None, 6, 7, 3], data_format="channels_last")
    model = read_sequential(tmp_path, [local], {"local": [("kernel", kernel), ("bias", bias)]}, keras_version="2.1.3")
    assert_outputs(model, x, np.tanh(locally_connected(x, kernel, (3, 2), (1, 2)) + bias))
    network = dl.convert(model)
    assert all(row.exact for row in network.table())
    scores = network.compile()(x, array(6, 7, 3), target=(0, 1, 2))
    assert scores.delta is not None
    assert np.abs(scores.delta).max() <= 1e-5 * np.abs(scores.outputs - scores.reference_outputs).max()


def test_locally_connected_1d_of_keras_1(tmp_path: Path) -> None:
    kernel, bias, x = array(4, 9, 2), array(4, 2), array(5, 9, 3)
    local = layer("LocallyConnected1D", "local", nb_filter=2, filter_length=3, subsample_length=2, bias=True)
    local["config"].update(border_mode="valid", batch_input_shape=[None, 9, 3], init="glorot_uniform")
    model = read_sequential(tmp_path, [local], {"local": [("W", kernel), ("b", bias)]})
    expected = locally_connected(x[:, None], kernel, (1, 3), (1, 2))[:, 0] + bias
    assert_outputs(model, x, expected)


def test_locally_connected_with_channels_first(tmp_path: Path) -> None:
    kernel, x = array(12, 18, 4), array(5, 3, 6, 7)
    local = layer("LocallyConnected2D", "local", nb_filter=4, nb_row=3, nb_col=2, subsample=[1, 2], bias=False)
    local["config"].update(border_mode="valid", dim_ordering="th", batch_input_shape=[None, 3, 6, 7])
    model = read_sequential(tmp_path, [local], {"local": [("W", kernel)]})
    by_channel = kernel.reshape(12, 3, 6, 4).transpose(0, 2, 1, 3).reshape(12, 18, 4)  # channels came first there
    expected = locally_connected(x.transpose(0, 2, 3, 1), by_channel, (3, 2), (1, 2))
    assert_outputs(model, x, expected.transpose(0, 3, 1, 2))


def test_a_greedy_locally_connected_layer(tmp_path: Path) -> None:
    local = layer("LocallyConnected1D", "greedy", filters=1 << 30, kernel_size=[3], batch_input_shape=[None, 999, 3])
    with pytest.raises(ModelFileError, match=r"found a weight of shape .* 'greedy'"):
        read_sequential(tmp_path, [local], {"greedy": [("W", array(2, 2))]}, keras_version="2.1.3")


def branch(name: str, *further: dict[str, Any]) -> dict[str, Any]:
    first = layer("Dense", f"{name}_dense", output_dim=3, batch_input_shape=[None, 4], bias=True, input_dim=4)
    return {"class_name": "Sequential", "config": [first, *further]}


def test_branches_of_keras_1(tmp_path: Path) -> None:
    """Two Sequentials merged at the start of a third, one of them such a merge itself."""
    names = ["a", "b", "c"]
    kernels = {name: array(4, 3) for name in names}
    top, x = array(6, 2), [array(5, 4) for _ in names]
    inner = layer("Merge", "inner", mode="mul", layers=[branch("b"), branch("c")], mode_type="raw", concat_axis=-1)
    nested = {"class_name": "Sequential", "config": [inner, layer("Activation", "act", activation="tanh")]}
    outer = layer("Merge", "outer", mode="concat", layers=[branch("a"), nested], concat_axis=-1, mode_type="raw")
    described = [outer, layer("Dense", "top", output_dim=2, bias=False)]
    weights: dict[str, Any] = {f"{name}_dense": [("W", kernels[name]), ("b", np.ones(3, "f"))] for name in names}
    weights |= {"act": [], "top": [("W", top)]}
    model = read_sequential(tmp_path, described, weights)
    a, b, c = (part @ kernels[name] + 1 for part, name in zip(x, names, strict=True))
    expected = np.concatenate([a, np.tanh(b * c)], -1) @ top
    np.testing.assert_allclose(outputs(model, x)[0], expected, rtol=1e-5, atol=1e-5)


def test_branches_that_are_not_known(tmp_path: Path) -> None:
    for inner in ({"class_name": "Model", "config": {}}, {"class_name": "Sequential", "config": [layer("Dense", "d")]}):
        merge = layer("Merge", "outer", mode="sum", layers=[inner])
        with pytest.raises(UnsupportedLayerError, match="Merge: a branch"):
            read_sequential(tmp_path, [merge], {})


def test_an_architecture_of_keras_1_with_weights_in_another_file(tmp_path: Path) -> None:
    kernel, bias, x = array(4, 3), array(3), array(5, 4)
    config = sequential(layer("Dense", "dense_1", output_dim=3, batch_input_shape=[None, 4], **KERAS_1_DENSE))
    (tmp_path / "model.json").write_text(json.dumps(config))
    weights = {"dense_1": [("dense_1_W", kernel), ("dense_1_b", bias)]}
    path = write_legacy_h5(tmp_path / "weights.h5", None, weights, keras_version=None, backend=None)
    assert_outputs(read((tmp_path / "model.json", path)), x, x @ kernel + bias)


def test_layers_that_are_gone_are_named_all_at_once(tmp_path: Path) -> None:
    layers = [
        layer("Highway", "road", batch_input_shape=[None, 4]),
        layer("MaxoutDense", "local"),
        layer("BatchNormalization", "norm", mode=1),
    ]
    with pytest.raises(UnsupportedLayerError) as caught:
        read_sequential(tmp_path, layers, {})
    for part in (
        "model.h5",
        "'road' (Highway: ",
        "'local' (MaxoutDense: ",
        "'norm' (BatchNormalization: mode=1",
    ):
        assert part in str(caught.value)
