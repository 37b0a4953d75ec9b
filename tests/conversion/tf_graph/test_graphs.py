"""Models without layers: exports whose graph is walked, against the layers that they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.conversion.check import check
from deeplift_tf.conversion.tf_graph.layouts import regrouped
from deeplift_tf.conversion.tf_graph.op_context import TABLE
from deeplift_tf.errors import ModelFileError, UnsupportedLayerError
from deeplift_tf.network import Network
from deeplift_tf.scoring.scores import Scores
from tests.support.checks import assert_close_to_largest, assert_complete
from tests.support.graph_models import MODELS, Array, Classifier, random_rows, with_random_weights
from tests.support.installed import exported

RULES = ("rescale", "reveal_cancel")
SPREADS_START_AFRESH = {"recurrent"}
"""Where the layer of recurrence lets the parts start afresh at every step, and the loop laid out does not."""


def arranged(network: Network, arrays: list[Array]) -> Any:
    return arrays[0] if len(arrays) == 1 else dict(zip(network.input_names, arrays, strict=True))


def first_output(network: Network, rule: str, x: list[Array], references: list[Array]) -> Scores:
    score = network.with_rule(rule).compile()
    output = network.output_names[0]
    target = (0,) * (len(network.output_shapes[output]) - 1)
    return score(
        arranged(network, x), references=arranged(network, references), target=target, output=output, batch_size=4
    )


def parts(scores: Scores) -> list[Array]:
    return [np.asarray(part) for part in keras.tree.flatten(scores.contributions)]


QUICK = {"convolutions", "two_inputs", "open_length"}
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.slow_but_for("open_length")
def test_scores_are_those_of_the_layers(name: str, tmp_path: Path) -> None:
    """Of the same mathematics in another order of summation: float32 leaves about 1e-6."""
    model = with_random_weights(MODELS[name]())
    graph, layers = dl.convert(exported(model, tmp_path / "served")), dl.convert(model)
    assert all(row.exact for row in graph.table())
    x, references = random_rows(model, 3, 1), random_rows(model, 3, 2)
    expected = keras.tree.flatten(model(x if len(x) > 1 else x[0], training=False))
    found = graph.predict(arranged(graph, x))
    assert_close_to_largest(list(found.values()) if isinstance(found, dict) else [found], expected, 1e-5, name)
    for rule in RULES:
        by_graph, by_layers = (first_output(network, rule, x, references) for network in (graph, layers))
        assert_complete(by_graph, 1e-4)
        if rule == "rescale" or name not in SPREADS_START_AFRESH:
            assert_close_to_largest(parts(by_graph), parts(by_layers), 1e-4, f"{name}, {rule}")


@pytest.mark.parametrize("name", ["convolutions", pytest.param("transformer", marks=pytest.mark.slow)])
def test_float64_is_exact(name: str, tmp_path: Path) -> None:
    """What the graph rounds to float32, such as the epsilons of norms, leaves 1e-8 to the layers."""
    model = with_random_weights(MODELS[name]())
    graph = dl.convert(exported(model, tmp_path / "served"), dtype="float64")
    layers = dl.convert(model, dtype="float64")
    x, references = random_rows(model, 3, 1), random_rows(model, 3, 2)
    for rule in RULES:
        by_graph, by_layers = (first_output(network, rule, x, references) for network in (graph, layers))
        assert_complete(by_graph, 1e-9)
        assert_close_to_largest(parts(by_graph), parts(by_layers), 1e-6, f"{name}, {rule}")


@pytest.mark.slow
def test_several_references_meet_every_row(tmp_path: Path) -> None:
    """Time before rows, rows merged with positions: each pair of a row and a reference is still its own."""
    model = with_random_weights(MODELS["recurrent"]())
    score = dl.convert(exported(model, tmp_path / "served")).compile()
    (x,), (background,) = random_rows(model, 3, 1), random_rows(model, 4, 2)
    together = score(x, references=background[None], target=1).contributions
    apart = [score(x, references=background[index], target=1).contributions for index in range(4)]
    assert_close_to_largest(together, np.mean(apart, axis=0), 1e-5)


def test_linear_layers_stay_apart(tmp_path: Path) -> None:
    """|L₂||L₁| is not |L₂L₁|: one matrix in place of two would give RevealCancel other spreads."""
    features = keras.Input((6,))
    hidden = keras.layers.Dense(5)(keras.layers.Dense(7)(features))
    model = with_random_weights(keras.Model(features, keras.layers.Dense(2)(keras.layers.ReLU()(hidden))))
    graph = dl.convert(exported(model, tmp_path / "served"))
    assert sum(row.kind == "Linear" for row in graph.table()) == 3
    x, references = random_rows(model, 5, 1), random_rows(model, 5, 2)
    by_graph, by_layers = (first_output(each, "reveal_cancel", x, references) for each in (graph, dl.convert(model)))
    assert_close_to_largest(parts(by_graph), parts(by_layers), 1e-5)


def test_names_and_rules_are_the_models_own(tmp_path: Path) -> None:
    model = with_random_weights(MODELS["convolutions"]())
    network = dl.convert(exported(model, tmp_path / "served"), rule="genomics_default")
    relus = {name: node for name, node in network.layers.items() if name.endswith("/Relu")}
    assert {name.partition("_")[0].partition("2")[0] for name in relus} == {"conv", "re", "dense"}
    rules = {name: node.rule.name for name, node in relus.items()}
    assert sorted(rules.values()) == ["rescale", "rescale", "reveal_cancel"]
    owners = {node.owner for node in relus.values()}
    assert owners == {name.removesuffix("/Relu") for name in relus}


def test_modules_without_keras(tmp_path: Path) -> None:
    module = Classifier()
    tf.saved_model.save(module, str(tmp_path), signatures=module.__call__)
    network = dl.convert(tmp_path)
    assert network.output_names == ("logits",)
    assert all(row.exact for row in network.table())
    rng = np.random.default_rng(0)
    x, references = (rng.normal(size=(4, 8, 8, 2)).astype("float32") for _ in range(2))
    assert_close_to_largest(network.predict(x), module(x)["logits"].numpy(), 1e-5)
    for rule in RULES:
        assert_complete(network.with_rule(rule).compile()(x, references=references, target=2), 1e-4)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_tokens_are_scored_at_their_table(dtype: str, tmp_path: Path) -> None:
    """Keras declares inputs as floats unless told otherwise; what only a table of words reads are tokens."""
    words = keras.Input((6,), dtype=dtype)
    x = keras.layers.Conv1D(5, 3, activation="relu")(keras.layers.Embedding(10, 4)(words))
    model = with_random_weights(keras.Model(words, keras.layers.Dense(2)(keras.layers.GlobalMaxPooling1D()(x))))
    network = dl.convert(exported(model, tmp_path / "served"))
    assert set(network.input_dtypes.values()) == {"int32"}
    (table,) = [row.name for row in network.table() if row.kind == "Embedding"]
    tokens, references = np.random.default_rng(0).integers(0, 10, (2, 4, 6))
    assert_close_to_largest(network.predict(tokens), np.asarray(model(tokens)), 1e-5)
    assert_complete(network.compile(table)(tokens, references=references, target=1), 1e-4)


def test_signatures(tmp_path: Path) -> None:
    module = Classifier()
    signatures = {"classify": module.__call__, "head": module.head}
    tf.saved_model.save(module, str(tmp_path), signatures=signatures)
    with pytest.raises(ModelFileError, match="signature=; found 'classify', 'head'"):
        dl.convert(tmp_path)
    with pytest.raises(ModelFileError, match="expected the signature 'tail'; found 'classify', 'head'"):
        dl.convert(tmp_path, signature="tail")
    network = dl.convert(tmp_path, signature="head")
    assert network.input_shapes == {"features": (None, 4)}
    report = check(tmp_path, network, signature="head")
    assert report.prediction_error < 1e-6 and report.relative_delta is not None and report.relative_delta < 1e-5


def test_graphs_of_tensorflow_1(tmp_path: Path) -> None:
    """Variables that are references, a restore operation in the graph itself, a switch on the learning phase."""
    v1 = tf.compat.v1
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 3)).astype("float32")
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 6], "x")
        weights = tf.raw_ops.VariableV2(shape=[6, 3], dtype=tf.float32, shared_name="weights", name="weights")
        training = v1.placeholder_with_default(False, [], "training")
        session.run(v1.assign(weights, values))
        y = v1.cond(training, lambda: tf.nn.relu(x) * 2.0, lambda: tf.nn.relu(x))
        y = tf.nn.softplus(tf.matmul(y, weights), name="y")
        info = {name: v1.saved_model.build_tensor_info(tensor) for name, tensor in (("x", x), ("y", y))}
        signature = v1.saved_model.build_signature_def({"x": info["x"]}, {"y": info["y"]}, "predict")
        builder = v1.saved_model.Builder(str(tmp_path / "served"))
        saver = v1.train.Saver({"weights": weights})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, saver=saver)
        builder.save()
    network = dl.convert(tmp_path / "served")
    rows = rng.normal(size=(4, 6)).astype("float32")
    assert_close_to_largest(network.predict(rows), np.log1p(np.exp(np.maximum(rows, 0) @ values)), 1e-5)


def test_rows_that_look_at_one_another_are_refused(tmp_path: Path) -> None:
    module = tf.Module()
    module.run = tf.function(
        lambda x: tf.nn.softmax(x @ tf.transpose(x)) @ x, input_signature=[tf.TensorSpec([None, 4], tf.float32)]
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.run)
    with pytest.raises(UnsupportedLayerError, match="rows"):
        dl.convert(tmp_path)


def test_reductions_over_more_axes_than_a_softmax_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    softmax = tf.nn.softmax

    def as_with_onednn(x: tf.Tensor, axis: int) -> tf.Tensor:  # these tests run without it
        if x.shape.rank > 5:
            raise tf.errors.AbortedError(None, None, "Input dims must be <= 5 and >=1")
        return softmax(x, axis)

    monkeypatch.setattr(tf.nn, "softmax", as_with_onednn)
    module = tf.Module()
    module.run = tf.function(
        lambda x: x / (1 + tf.reduce_sum(tf.abs(x), -1, keepdims=True)),
        input_signature=[tf.TensorSpec([None, 2, 1, 2, 1, 3], tf.float32)],
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.run)
    network = dl.convert(tmp_path)
    x, references = np.random.default_rng(0).normal(size=(2, 4, 2, 1, 2, 1, 3)).astype("float32")
    assert_close_to_largest(network.predict(x), module.run(x).numpy(), 1e-6)
    assert_complete(network.compile()(x, references=references, target=(1, 0, 1, 0, 2)), 1e-5)


def test_all_unknown_operations_are_named_at_once(tmp_path: Path) -> None:
    def run(x: tf.Tensor) -> tf.Tensor:
        redder = tf.raw_ops.AdjustHue(images=x, delta=tf.constant(0.1))
        return redder + tf.raw_ops.AdjustSaturation(images=x, scale=tf.constant(2.0))

    module = tf.Module()
    module.run = tf.function(run, input_signature=[tf.TensorSpec([None, 4, 4, 3], tf.float32)])
    tf.saved_model.save(module, str(tmp_path), signatures=module.run)
    with pytest.raises(UnsupportedLayerError, match=r"(?s)AdjustHue\).*AdjustSaturation\)"):
        dl.convert(tmp_path)


def test_operations_without_a_line_follow_a_path(tmp_path: Path) -> None:
    module = tf.Module()
    module.run = tf.function(
        lambda x: tf.math.special.dawsn(x) + tf.nn.local_response_normalization(x[:, None, None])[:, 0, 0],
        input_signature=[tf.TensorSpec([None, 6], tf.float32)],
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.run)
    network = dl.convert(tmp_path)
    assert {row.keras_class for row in network.table() if row.kind == "Path"} == {"Dawsn", "LRN"}
    with pytest.raises(UnsupportedLayerError, match="no exact rule"):
        dl.convert(tmp_path, exact_only=True)
    x = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
    assert_complete(network.compile()(x, references=0.1, target=1), 1e-3)


@pytest.mark.parametrize(
    ("sizes", "wanted", "view"),
    [
        ((None, 10, 8), (None, 8), ((0, 1), (2,))),
        ((None, 2, 1, 4), (None, 4), ((0, 1, 2), (3,))),
        ((None, None, 8), (None, None, 8), ((0,), (1,), (2,))),
        ((None, 10, 8), (None, 7), None),
    ],
)
def test_rows_merged_with_positions(sizes: Any, wanted: Any, view: Any) -> None:
    assert regrouped(sizes, range(len(sizes)), wanted) == view


def test_the_page_names_every_operation() -> None:
    page = Path(__file__).parents[3] / "docs" / "graphs.md"
    if not page.is_file():
        pytest.skip("an installed package has no docs")
    named = {word for line in page.read_text(encoding="utf-8").splitlines() for word in line.split() if "|" in line}
    assert sorted({*TABLE, "Reshape", "Transpose", "Unpack"} - named) == []
