"""What is computed: passes over the weights, counted in the traced graph against the cost model.

In units of a forward pass F and a backward pass B: a reference costs F + B, and a forward pass of its own; RevealCancel
another F and B by the absolute weights for each layer whose spread is read; rules without a reference run none.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import deeplift_tf as dl
from deeplift_tf.scoring.attribution import Plan
from tests.support.keras_models import randomise

N, R, K = 3, 4, 5
CONVOLUTIONS, DENSE = 3, 2
PASSES = ("Conv2D", "Conv2DBackpropInput", "MatMul")


def _model() -> keras.Model:
    return randomise(
        keras.Sequential(
            [
                keras.Input((40, 6)),
                layers.Conv1D(8, 5, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.MaxPooling1D(2),
                layers.Conv1D(8, 3, dilation_rate=2, activation="relu"),
                layers.Conv1D(8, 3, activation="relu"),
                layers.Flatten(),
                layers.Dense(7, activation="relu"),
                layers.Dense(K),
            ]
        ),
        seed=0,
    )


X = np.random.default_rng(0).normal(size=(N, 40, 6))
X0 = np.random.default_rng(1).normal(size=(N, R, 40, 6))


@pytest.fixture(scope="module")
def network() -> dl.Network:
    return dl.convert(_model())


def passes(network: dl.Network, references: Any, targets: int = 0, **settings: Any) -> Counter[str]:
    """Return how many operations that read weights the results of the compiled function depend on."""
    score = network.compile()
    question = score.ask(X, references, targets=list(range(targets)) or None)
    several = question.references.count > 1
    plan = Plan(score.scored, question.target, question.selectors, several, question.several_targets, **settings)
    function = score.compiled(plan)
    reached: dict[str, tf.Operation] = {}
    waiting = [tensor.op for tensor in function.outputs]
    while waiting:
        operation = waiting.pop()
        if operation.name not in reached:
            reached[operation.name] = operation
            waiting += [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]
    return Counter(operation.type for operation in reached.values() if operation.type in PASSES)


def linear(passes: Counter[str]) -> tuple[int, int]:
    """Return the number of convolutions, transposed ones included, and of products of matrices."""
    return passes["Conv2D"] + passes["Conv2DBackpropInput"], passes["MatMul"]


@pytest.mark.parametrize("references", [X0[0, 0], X0[:, 0], X0])
def test_rescale_runs_examples_and_references_forward_and_walks_back_once(
    network: dl.Network, references: np.ndarray
) -> None:
    assert linear(passes(network, references)) == (3 * CONVOLUTIONS, 3 * DENSE)


def test_targets_share_the_passes(network: dl.Network) -> None:
    assert passes(network, X0[0, 0], targets=K) == passes(network, X0[0, 0])


def test_references_that_are_known_are_not_run(network: dl.Network) -> None:
    known = passes(network, X0[0, 0], known_references=True)
    assert linear(known) == (2 * CONVOLUTIONS, 2 * DENSE)


def test_rules_without_a_reference_run_none(network: dl.Network) -> None:
    assert linear(passes(network.with_rule("gradient"), None, complete=False)) == (2 * CONVOLUTIONS, 2 * DENSE)


def test_reveal_cancel_runs_the_absolute_weights_where_a_spread_is_read(network: dl.Network) -> None:
    # the last layer is followed by no nonlinearity: nobody reads its spread, and it gets no half-difference
    found = linear(passes(network.with_rule("reveal_cancel"), X0[0, 0]))
    assert found == (5 * CONVOLUTIONS, 3 * DENSE + 2 * (DENSE - 1))


def test_the_genomics_default_runs_them_in_dense_layers_only(network: dl.Network) -> None:
    found = linear(passes(network.with_rule("genomics_default"), X0[0, 0]))
    assert found == (3 * CONVOLUTIONS, 3 * DENSE + 2 * (DENSE - 1))


@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
@pytest.mark.parametrize("references", [X0[0, 0], X0[:1]])
@pytest.mark.slow_but_for("references1-reveal_cancel")
def test_references_of_all_rows_are_run_once_and_change_nothing(
    rule: str, references: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = dl.convert(_model(), rule=rule, dtype="float64")
    score, ran = network.compile(), []
    plan = Plan(score.scored, network.graph.outputs[network.output_names[0]], (), references.ndim > 2)
    run = score.compiled.reference_pass(plan)

    def counted(references: Any) -> Any:
        ran.append(references)
        return run(references)

    counted.structured_outputs = run.structured_outputs  # type: ignore[attr-defined]
    monkeypatch.setattr(score.compiled, "reference_pass", lambda plan: counted)
    parts = score(X, references, batch_size=1 if references.ndim == 2 else R)
    again = score(X[:1], references.copy())
    assert len(ran) == 1
    others = score(X, references[..., ::-1])
    assert len(ran) == 2
    each = np.broadcast_to(references.reshape(-1, *X.shape[1:]), (N, references.size // X[0].size, *X.shape[1:]))
    for found, given in ((parts, each), (again, each[:1]), (others, each[..., ::-1])):
        expected = network.compile()(X[: len(given)], given, batch_size=1)
        for name, right in expected.arrays().items():
            value = found.arrays()[name]
            if right is None:
                assert value is None
                continue
            np.testing.assert_allclose(value, right, rtol=0, atol=1e-11 * np.abs(expected.contributions).max())
    assert len(ran) == 2


def test_the_reference_of_a_single_row_is_kept_where_it_is_said_to_be_shared(network: dl.Network) -> None:
    score = network.compile()
    own = score(X[:1], X0[:1, 0])
    assert not score.compiled._kept
    shared = score(X[:1], X0[0, 0])
    assert score.compiled._kept
    largest = np.abs(own.contributions).max()
    np.testing.assert_allclose(shared.contributions, own.contributions, rtol=0, atol=1e-5 * largest)  # float32


def test_what_masks_of_the_rows_change_is_not_kept() -> None:
    model = keras.Sequential([keras.Input((5, 4)), layers.Masking(), layers.LSTM(3), layers.Dense(2)])
    score = dl.convert(randomise(model, seed=0)).compile()
    score(X[:, :5, :4], 0.1)
    assert not score.compiled._kept


def test_what_takes_much_memory_is_not_kept_for_the_next_call(
    network: dl.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = network.compile()
    score(X, X0[0, 0])
    assert score.compiled._kept
    monkeypatch.setattr("deeplift_tf.scoring.programs.cache_bytes", lambda: 1000)
    score(X, X0[0, 1])
    assert not score.compiled._kept


def test_what_takes_much_memory_puts_nothing_else_out(network: dl.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    score = network.compile()
    score(X, X0[0, 0])
    (kept,) = score.compiled._kept.values()
    monkeypatch.setattr("deeplift_tf.scoring.programs.cache_bytes", lambda: 2 * kept.bytes)
    score(X, X0[:1])  # four times as much
    (left,) = score.compiled._kept.values()
    assert left is kept


def test_no_batch_is_traced_anew(network: dl.Network) -> None:
    score = network.compile()
    score(X, X0[0, 0], batch_size=2)
    before = dict(score.compiled._made)
    score(X[:2], X0[1, 0], batch_size=1)
    assert score.compiled._made == before


def test_nothing_is_computed_of_weights_alone() -> None:
    """What weights become (|W|, flipped, split by group, with gaps) is worked out before a call, and not in each."""
    x = keras.Input((16, 15, 12))
    y = layers.Resizing(20, 21)(layers.PReLU(shared_axes=[2])(x))
    y = layers.Conv2D(12, 3, dilation_rate=2, groups=2, activation="relu")(layers.ZeroPadding2D(1)(y))
    y = layers.BatchNormalization()(layers.PReLU()(layers.DepthwiseConv2D(4)(y)))
    y = layers.Conv2DTranspose(6, 3, dilation_rate=2, activation="silu")(layers.Activation("tanh")(y))
    y = layers.Reshape((-1, 24))(y)
    y = layers.ReLU()(layers.EinsumDense("abc,cde->abde", (None, 4, 9))(layers.Conv1D(24, 6, padding="causal")(y)))
    y = layers.LSTM(13)(layers.Reshape((-1, 36))(y))
    network = dl.convert(randomise(keras.Model(x, layers.Dense(11)(y)), seed=0), rule="reveal_cancel")
    score = network.compile()
    plan = Plan(score.scored, network.edge(network.output_names[0]))
    function = score.compiled(plan)
    weights = {inside.op.name for _, inside in function.graph.captures}  # smaller ones are constants: TensorFlow folds
    assert len(weights) > 20
    constants: set[str] = set()
    found: set[str] = set()
    for operation in function.graph.get_operations():
        sources = {tensor.op.name for tensor in operation.inputs}
        if operation.type == "Const" or (sources and sources <= constants):
            constants.add(operation.name)
        elif sources and sources <= weights | constants:
            weights.add(operation.name)
            found.add(operation.type)
    assert found <= {"Identity", "Reshape", "ExpandDims"}, "these cost nothing, others do"
