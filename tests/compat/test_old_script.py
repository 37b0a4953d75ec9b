"""A whole script for deeplift, as its users have them, under one more import."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.genomics import one_hot

pytest.importorskip("matplotlib")
ONE_LINE = "import deeplift_tf.compat.as_deeplift\n"
SCRIPT = """
import sys
import numpy as np
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import deeplift
from deeplift.conversion import kerasapi_conversion as kc
from deeplift.dinuc_shuffle import dinuc_shuffle
from deeplift.layers import NonlinearMxtsMode
from deeplift.util import get_hypothetical_contribs_func_onehot, get_integrated_gradients_function
from deeplift.util import get_shuffle_seq_ref_function
from deeplift.visualization import viz_sequence
import deeplift.visualization.viz_sequence as viz_again

folder = sys.argv[1]
sequences = open(folder + "/sequences.txt").read().split()
onehot = np.array([[[letter == base for base in "ACGT"] for letter in sequence] for sequence in sequences], float)
background = dict(A=0.3, C=0.2, G=0.2, T=0.3)
references = np.ones_like(onehot) * np.array([background[base] for base in "ACGT"])[None, None]
found = {}
for name, mode in [("rescale", NonlinearMxtsMode.Rescale), ("genomics", NonlinearMxtsMode.DeepLIFT_GenomicsDefault),
                   ("gradient", NonlinearMxtsMode.Gradient)]:
    model = kc.convert_model_from_saved_files(folder + "/model.h5", nonlinear_mxts_mode=mode, verbose=False)
    contribs = model.get_target_contribs_func(find_scores_layer_idx=0, target_layer_idx=-2)
    found[name] = np.array(contribs(task_idx=1, input_data_list=[onehot], input_references_list=[references],
                                    batch_size=4, progress_update=None))
multipliers = model.get_target_multipliers_func(find_scores_layer_idx=0, target_layer_idx=-2)
integrated = get_integrated_gradients_function(multipliers, 20)
found["integrated"] = integrated(task_idx=1, input_data_list=[onehot], input_references_list=[references],
                                 batch_size=4, progress_update=None)
model = kc.convert_model_from_saved_files(folder + "/model.h5")
hypothetical = get_hypothetical_contribs_func_onehot(model.get_target_multipliers_func(0, -2))
def one_hot(seqs):
    return np.array([[[letter == base for base in "ACGT"] for letter in seq] for seq in seqs], float)
many = get_shuffle_seq_ref_function(score_computation_function=hypothetical, shuffle_func=dinuc_shuffle,
                                    one_hot_func=one_hot)
found["hypothetical"] = many(task_idx=1, input_data_sequences=sequences, num_refs_per_seq=3, batch_size=8,
                             progress_update=1000)
viz_sequence.plot_weights(found["genomics"][0], subticks_frequency=10, highlight={"blue": [(2, 6)]})
plt.savefig(folder + "/logo.png")
assert viz_again is deeplift.visualization.viz_sequence
np.savez(folder + "/found.npz", **found)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model in old Keras's format, and sequences."""
    import keras

    folder = tmp_path_factory.mktemp("old")
    keras.utils.set_random_seed(4)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((24, 4)),
            layers.Conv1D(5, 6, activation="relu"),
            layers.Conv1D(5, 4, activation="relu"),
            layers.Flatten(),
            layers.Dense(4, activation="relu"),
            layers.Dense(2, activation="sigmoid"),
        ]
    )
    model.save(folder / "model.h5")
    rng = np.random.default_rng(0)
    (folder / "sequences.txt").write_text("\n".join("".join(rng.choice(list("ACGT"), 24)) for _ in range(6)))
    return folder


@pytest.mark.slow
def test_an_old_script_runs_with_one_more_import(folder: Path) -> None:
    script = folder / "script.py"
    script.write_text(ONE_LINE + SCRIPT)
    paths = os.pathsep.join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    x = one_hot((folder / "sequences.txt").read_text().split()).astype(np.float32)
    reference = np.array([0.3, 0.2, 0.2, 0.3]) * np.ones(x.shape[1:])
    with np.load(folder / "found.npz") as file:
        found = dict(file)
    for name, rule in {"rescale": "rescale", "genomics": "genomics_default"}.items():
        score = dl.convert(folder / "model.h5", rule=rule).compile()
        scores = score(x, reference, 1, pre_activation=True)
        np.testing.assert_allclose(found[name], scores.contributions, rtol=1e-4, atol=1e-6)
    difference = scores.outputs - scores.reference_outputs
    np.testing.assert_allclose(found["genomics"].sum((1, 2)), difference, rtol=1e-4, atol=1e-6)
    assert found["integrated"].shape == found["hypothetical"].shape == x.shape
    # 20 intervals: what is left of the sum is of the order of one of them
    np.testing.assert_allclose(found["integrated"].sum((1, 2)), difference, atol=0.1 * np.abs(difference).max())
    assert (folder / "logo.png").stat().st_size > 5000


# What deeplift's own two example notebooks call, in their order, on a network of the second one's layers.
NOTEBOOK = """
import sys
from collections import OrderedDict
from importlib import reload
import numpy as np
import deeplift
import deeplift.util
from deeplift.layers import NonlinearMxtsMode
from deeplift.conversion import kerasapi_conversion as kc
from deeplift.util import compile_func, get_integrated_gradients_function
from deeplift.util import get_shuffle_seq_ref_function, get_hypothetical_contribs_func_onehot
from deeplift.dinuc_shuffle import dinuc_shuffle
import keras

folder = sys.argv[1]
saved_model_file = folder + "/digits.h5"
x = np.random.RandomState(0).randint(0, 256, (12, 14, 14))[:, :, :, None]
modes = OrderedDict(
    revealcancel=NonlinearMxtsMode.RevealCancel,
    gradient=NonlinearMxtsMode.Gradient,
    guided=NonlinearMxtsMode.GuidedBackprop,
)
models = OrderedDict((name, kc.convert_model_from_saved_files(h5_file=saved_model_file, nonlinear_mxts_mode=mode))
                     for name, mode in modes.items())
predict = compile_func([models["revealcancel"].get_layers()[0].get_activation_vars()],
                       models["revealcancel"].get_layers()[-1].get_activation_vars())
predictions = deeplift.util.run_function_in_batches(
    input_data_list=[x], func=predict, batch_size=5, progress_update=None)
expected = keras.models.load_model(saved_model_file, compile=False).predict(x, verbose=0)
assert np.max(np.abs(np.array(predictions) - expected)) < 1e-5
logits = compile_func([models["revealcancel"].get_layers()[0].get_activation_vars()],
                      models["revealcancel"].get_layers()[-2].get_activation_vars())
logits = np.array(deeplift.util.run_function_in_batches(logits, [x], batch_size=5))
functions = OrderedDict((name, model.get_target_contribs_func(find_scores_layer_idx=0, target_layer_idx=-2))
                        for name, model in models.items())
gradient = models["gradient"].get_target_multipliers_func(find_scores_layer_idx=0, target_layer_idx=-2)
guided = models["guided"].get_target_multipliers_func(find_scores_layer_idx=0, target_layer_idx=-2)
functions["masked"] = lambda input_data_list, **others: (
    (input_data_list[0] > 0.0) * np.abs(np.array(gradient(input_data_list=input_data_list, **others))))
functions["guided masked"] = lambda input_data_list, **others: (
    (input_data_list[0] > 0.0) * guided(input_data_list=input_data_list, **others))
functions["integrated"] = get_integrated_gradients_function(gradient, 5)
found = {}
for name, function in functions.items():
    for task in range(2):
        found[name, task] = np.array(function(
            task_idx=task, input_data_list=[x], input_references_list=[np.zeros_like(x)], batch_size=1000,
            progress_update=None))
        assert found[name, task].shape == x.shape, name
differences = logits[:, 1] - np.array(deeplift.util.run_function_in_batches(
    compile_func([models["revealcancel"].get_layers()[0].get_activation_vars()],
                 models["revealcancel"].get_layers()[-2].get_activation_vars()), [np.zeros_like(x)]))[:, 1]
assert np.allclose(found["revealcancel", 1].sum((1, 2, 3)), differences, rtol=1e-3, atol=1e-2)

sequences = open(folder + "/sequences.txt").read().split()
encode = lambda some: np.array([[[letter == base for base in "ACGT"] for letter in each] for each in some], np.int8)
onehot = encode(sequences)
model = kc.convert_model_from_saved_files(folder + "/model.h5")
contribs = model.get_target_contribs_func(find_scores_layer_idx=0, target_layer_idx=-2)
background = OrderedDict([("A", 0.3), ("C", 0.2), ("G", 0.2), ("T", 0.3)])
reference = np.array([background[base] for base in "ACGT"])[None, None, :]
broadcast = np.array(contribs(task_idx=0, input_data_list=[onehot], input_references_list=[reference],
                              batch_size=200, progress_update=None))
assert broadcast.shape[2] == 4
whole = np.array(contribs(0, [onehot], 200, None, [np.ones(onehot.shape) * reference]))
assert np.allclose(broadcast, whole, rtol=1e-4, atol=1e-6)
reload(deeplift.util)
from deeplift.util import get_shuffle_seq_ref_function
many = get_shuffle_seq_ref_function(score_computation_function=contribs, shuffle_func=dinuc_shuffle,
                                    one_hot_func=encode)
scores = many(task_idx=[0, 1], input_data_sequences=sequences, num_refs_per_seq=3, batch_size=8, progress_update=1000)
assert len(scores) == 2
assert np.allclose(scores[1], many(1, sequences, 3, 8))
hypothetical = get_hypothetical_contribs_func_onehot(model.get_target_multipliers_func(0, -2))
hypothetical = get_shuffle_seq_ref_function(hypothetical, dinuc_shuffle, encode)(
    task_idx=0, input_data_sequences=sequences, num_refs_per_seq=3, batch_size=8)
# at each position the hypothetical contribution of its own letter is the sum of the contributions
assert np.allclose((hypothetical * onehot).sum(-1), scores[0].sum(-1), rtol=1e-4, atol=1e-6)
"""


@pytest.mark.slow
def test_what_the_example_notebooks_of_deeplift_call(folder: Path) -> None:
    import keras

    layers = keras.layers
    keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 4, strides=2),
            layers.Activation("relu"),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(8),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
            layers.Activation("softmax"),
        ]
    ).save(folder / "digits.h5")
    script = folder / "notebook.py"
    script.write_text(ONE_LINE + NOTEBOOK)
    paths = os.pathsep.join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_nothing_is_put_over_a_deeplift_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    there = types.ModuleType("deeplift")
    monkeypatch.setitem(sys.modules, "deeplift", there)
    monkeypatch.delitem(sys.modules, "deeplift_tf.compat.as_deeplift", raising=False)
    with pytest.raises(ImportError, match="deeplift has been imported already"):
        importlib.import_module("deeplift_tf.compat.as_deeplift")
    assert sys.modules["deeplift"] is there
