"""Scripts written for kundajelab/deeplift, with one import changed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.compat import deeplift
from deeplift_tf.compat.deeplift.conversion import kerasapi_conversion as kc
from deeplift_tf.compat.deeplift.dinuc_shuffle import dinuc_shuffle
from deeplift_tf.compat.deeplift.layers import NonlinearMxtsMode
from deeplift_tf.errors import DeepLiftError, LayerNameError, RuleError

LENGTH = 20


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Sequential model and one of two inputs."""
    import keras

    folder = tmp_path_factory.mktemp("compat")
    keras.utils.set_random_seed(2)
    layers = keras.layers
    keras.Sequential(
        [
            keras.Input((LENGTH, 4), name="sequence"),
            layers.Conv1D(6, 5, activation="relu", name="conv"),
            layers.Flatten(name="flat"),
            layers.Dense(5, activation="relu", name="hidden"),
            layers.Dense(2, activation="sigmoid", name="out"),
        ]
    ).save(folder / "chain.keras")
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    both = layers.Concatenate(name="both")([layers.Dense(4, activation="relu", name="left")(a), b])
    keras.Model([a, b], layers.Dense(1, activation="sigmoid", name="out")(both)).save(folder / "graph.keras")
    return folder


def sequences(count: int = 7) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (count, LENGTH))]


def close(received: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.array(received), expected, rtol=1e-4, atol=1e-6)  # float32, other batches


@pytest.mark.parametrize(
    ("mode", "rule"),
    [
        (NonlinearMxtsMode.Rescale, "rescale"),
        (NonlinearMxtsMode.RevealCancel, "reveal_cancel"),
        (NonlinearMxtsMode.DeepLIFT_GenomicsDefault, "genomics_default"),
        ("GuidedBackprop", "guided_backprop"),
    ],
)
def test_contributions_of_a_chain(saved: Path, mode: str, rule: str) -> None:
    model = kc.convert_model_from_saved_files(saved / "chain.keras", nonlinear_mxts_mode=mode)
    function = model.get_target_contribs_func(find_scores_layer_idx=0)
    x = sequences()
    found = function(
        task_idx=1,
        input_data_list=[x],
        input_references_list=[np.full_like(x, 0.25)],
        batch_size=3,
        progress_update=None,
    )
    assert isinstance(found, list)
    assert len(found) == 7
    score = dl.convert(saved / "chain.keras", rule=rule).compile()
    close(found, score(x, references=0.25, target=1, pre_activation=True).contributions)


def test_several_layers_and_multipliers(saved: Path) -> None:
    model = kc.convert_model_from_saved_files(saved / "chain.keras", nonlinear_mxts_mode="Rescale")
    x = sequences()
    inputs, hidden = model.get_target_contribs_func([0, -4])(0, [x], 10)
    assert (np.shape(inputs), np.shape(hidden)) == ((7, LENGTH, 4), (7, 5))
    close(np.sum(hidden, 1), np.sum(inputs, (1, 2)))  # both cut every path
    multipliers = model.get_target_multipliers_func(0)(0, [x], 10)
    close(np.array(multipliers) * x, inputs)
    assert len(model.get_layers()) == len(model.network.layers) + 1


def test_a_graph_goes_by_name(saved: Path) -> None:
    model = kc.convert_model_from_saved_files(saved / "graph.keras", nonlinear_mxts_mode="Rescale")
    assert model.get_input_layer_names() == ["a_0", "b_0"]
    assert {"a_0", "b_0", "left_0", "preact_left_0", "both_0", "preact_out_0", "out_0"} <= set(
        model.get_name_to_layer()
    )
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    function = model.get_target_contribs_func(["a_0", "b_0"], "preact_out_0")
    first, second = function(0, {"a_0": a, "b_0": b}, 10, None, {"a_0": 0.5, "b_0": -1.0})
    scores = dl.convert(saved / "graph.keras").compile()([a, b], [0.5, -1.0], pre_activation=True)
    close(first, scores.contributions[0])
    close(second, scores.contributions[1])
    with pytest.raises(LayerNameError, match="no layer is named 'dense_9'"):
        model.get_target_contribs_func("dense_9", "preact_out_0")


def test_hypothetical_contributions_over_shuffles(saved: Path) -> None:
    model = kc.convert_model_from_saved_files(saved / "chain.keras")
    hypothetical = deeplift.util.get_hypothetical_contribs_func_onehot(model.get_target_multipliers_func(0))
    x = sequences(3)
    references = np.full_like(x, 0.25)
    expected = dl.convert(saved / "chain.keras", rule="genomics_default").compile()(
        x, references, hypothetical=True, pre_activation=True
    )
    close(hypothetical(0, [x], 10, None, [references]), expected.hypothetical)
    many = deeplift.util.get_shuffle_seq_ref_function(hypothetical, dinuc_shuffle)
    found = many(task_idx=0, input_data_sequences=x, num_refs_per_seq=4, batch_size=50, seed=1)
    assert found.shape == x.shape
    rng = np.random.RandomState(1)
    shuffled = np.stack([[dinuc_shuffle(row, rng=rng) for _ in range(4)] for row in x])
    expected = dl.convert(saved / "chain.keras", rule="genomics_default").compile()(
        x, shuffled, hypothetical=True, pre_activation=True
    )
    close(found, expected.hypothetical)


def test_compiled_functions_of_activations(saved: Path) -> None:
    import keras

    model = kc.convert_model_from_saved_files(saved / "graph.keras")
    by_name = model.get_name_to_layer()
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(5, 4)).astype("float32"), rng.normal(size=(5, 3)).astype("float32")]
    inputs = [by_name[name].get_activation_vars() for name in model.get_input_layer_names()]
    predict = deeplift.util.compile_func(inputs, by_name["out_0"].get_activation_vars())
    close(predict(x), keras.models.load_model(saved / "graph.keras").predict(x, verbose=0))
    several = deeplift.util.compile_func(inputs, [by_name[name].get_activation_vars() for name in ("left_0", "out_0")])
    left, out = deeplift.util.run_function_in_batches(several, x, None, 2, None, multimodal_output=True)
    assert (np.shape(left), np.shape(out)) == ((5, 4), (5, 1))
    assert by_name["left_0"].get_shape() == (None, 4)
    session = deeplift.util.get_session()
    close(session.run(by_name["out_0"].get_activation_vars(), dict(zip(inputs, x, strict=True))), out)
    with pytest.raises(DeepLiftError, match="of input layers"):
        deeplift.util.compile_func([by_name["left_0"].get_activation_vars()], by_name["out_0"].get_activation_vars())
    alone = deeplift.util.compile_func(inputs[0], by_name["out_0"].get_activation_vars())
    with pytest.raises(DeepLiftError, match="b is missing"):
        alone(x[0])


def test_activations_at_the_reference(saved: Path) -> None:
    model = kc.convert_model_from_saved_files(saved / "chain.keras")
    first, last = model.get_layers()[0], model.get_layers()[-2]
    variables = [first.get_activation_vars(), first.get_reference_vars()]
    x = sequences()
    references = np.full_like(x, 0.25)
    at_x = deeplift.util.compile_func(variables, last.get_activation_vars())([x, references])
    at_reference = deeplift.util.compile_func(variables, last.get_reference_vars())([x, references])
    scores = model.network.compile()(x, references, 1, pre_activation=True)
    close(at_x[:, 1], scores.outputs)
    close(at_reference[:, 1], scores.reference_outputs)
    difference = deeplift.util.compile_func(variables, last.get_diff_from_reference_vars())([x, references])
    close(difference, at_x - at_reference)
    assert np.array_equal(deeplift.util.compile_func(variables[0], first.get_activation_vars())(x[:1]), x[:1])


@pytest.mark.parametrize("shape", [(), (4,), (1, 1, 4), (1, LENGTH, 4), (7, 1, 4), (7, LENGTH, 4)])
def test_references_broadcast(saved: Path, shape: tuple[int, ...]) -> None:
    model = kc.convert_model_from_saved_files(saved / "chain.keras")
    function = model.get_target_contribs_func(0)
    x = sequences()
    reference = np.random.default_rng(0).uniform(size=shape)
    close(function(0, [x], 10, None, [reference]), function(0, [x], 10, None, [np.ones(x.shape) * reference]))


def test_references_that_do_not_broadcast(saved: Path) -> None:
    function = kc.convert_model_from_saved_files(saved / "chain.keras").get_target_contribs_func(0)
    with pytest.raises(DeepLiftError, match=r"received \(1, 5, 4\)"):
        function(0, [sequences()], 10, None, [np.zeros((1, 5, 4))])


def test_shuffled_references_for_several_targets_and_given_ones(saved: Path) -> None:
    function = kc.convert_model_from_saved_files(saved / "chain.keras").get_target_contribs_func(0)
    many = deeplift.util.get_shuffle_seq_ref_function(function, dinuc_shuffle)
    x = sequences(3)
    both = many([0, 1], x, 2, 10)
    assert isinstance(both, list)
    close(both[0], many(0, x, 2, 10))
    close(both[1], many(1, x, 2, 10))
    rng = np.random.RandomState(1)
    given = [dinuc_shuffle(row, rng=rng) for row in x for _ in range(2)]
    close(many(0, x, 2, 10, pregen_refs=given), both[0])
    with pytest.raises(DeepLiftError, match="expected 2 for each of 3 sequences"):
        many(0, x, 2, 10, pregen_refs=given[1:])


@pytest.mark.parametrize(("ordering", "shape", "letters"), [("tf", (5, 4, 6), 1), ("th", (6, 1, 4, 5), 2)])
def test_weights_normalised_over_letters_leave_outputs_as_they_were(
    ordering: str, shape: tuple[int, ...], letters: int
) -> None:
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=shape), rng.normal(size=6)
    new, new_bias = deeplift.util.mean_normalise_weights_for_sequence_convolution(weights, bias, letters, ordering)
    np.testing.assert_allclose(new.mean(letters), 0, atol=1e-12)
    window = rng.integers(0, 4, 5)
    kernels = [w.reshape(5, 4, 6) if ordering == "tf" else w[:, 0].transpose(2, 1, 0) for w in (weights, new)]
    outputs = [kernel[np.arange(5), window].sum(0) + b for kernel, b in zip(kernels, (bias, new_bias), strict=True)]
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-12)


def test_shuffles_of_single_letters() -> None:
    sequence = "ACGTTGCAACCGG"
    found = deeplift.util.randomly_shuffle_seq(sequence, np.random.RandomState(0))
    assert found != sequence
    assert sorted(found) == sorted(deeplift.util.in_place_shuffle(list(sequence))) == sorted(sequence)


def test_integrated_gradients_sum_to_the_difference(saved: Path) -> None:
    model = kc.convert_model_from_saved_files(saved / "chain.keras", nonlinear_mxts_mode="Gradient")
    function = deeplift.util.get_integrated_gradients_function(model.get_target_multipliers_func(0), 200)
    x = sequences(3)
    found = function(0, [x], 50, None, [np.full_like(x, 0.25)])
    scores = model.network.with_rule("rescale").compile()(x, 0.25, pre_activation=True)
    difference = scores.outputs - scores.reference_outputs
    np.testing.assert_allclose(found.sum((1, 2)), difference, atol=0.02 * np.abs(difference).max())  # 200 intervals


@pytest.mark.parametrize("count", [None, 3])
def test_shuffles_keep_pairs(count: int | None) -> None:
    sequence = "ACGTTGCAACCGGTTANNACGATTACA"
    found = dinuc_shuffle(sequence, count, np.random.RandomState(0))
    for each in [found] if count is None else found:
        assert each != sequence
        assert Counter(pairwise(each)) == Counter(pairwise(sequence))
    again = dinuc_shuffle(sequence, count, np.random.RandomState(0))
    assert found == again
    x = sequences(1)[0]
    assert np.shape(dinuc_shuffle(x, count)) == ((LENGTH, 4) if count is None else (3, LENGTH, 4))


def test_rules_of_single_layers(saved: Path) -> None:
    overrides = {"hidden": {"nonlinear_mxts_mode": "RevealCancel"}}
    model = kc.convert_model_from_saved_files(
        saved / "chain.keras", nonlinear_mxts_mode="Rescale", layer_overrides=overrides
    )
    rules = {row.name: row.rule for row in model.network.table()}
    assert (rules["conv"], rules["hidden"]) == ("rescale", "reveal_cancel")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"nonlinear_mxts_mode": "PassThrough"}, RuleError, "nonlinear_mxts_mode: expected one of"),
        ({"yaml_file": "m.yaml"}, DeepLiftError, "save the model as JSON"),
    ],
)
def test_what_is_not_taken(saved: Path, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        kc.convert_model_from_saved_files(saved / "chain.keras", **arguments)


def test_logos() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    fig, ax = deeplift.visualization.viz_sequence.plot_weights(
        sequences(1)[0].T, subticks_frequency=5, highlight={"red": [(2, 6)]}
    )
    assert [len(letters.get_paths()) for letters in ax.collections] == [LENGTH]
    assert len(ax.patches) == 1  # the highlight
    assert tuple(fig.get_size_inches()) == (20, 2)
    with pytest.raises(TypeError, match="colour"):
        deeplift.visualization.viz_sequence.plot_weights(sequences(1)[0], colour="red")
