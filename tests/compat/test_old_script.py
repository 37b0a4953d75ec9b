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

pytest.importorskip("logomaker")
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


def test_nothing_is_put_over_a_deeplift_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    there = types.ModuleType("deeplift")
    monkeypatch.setitem(sys.modules, "deeplift", there)
    monkeypatch.delitem(sys.modules, "deeplift_tf.compat.as_deeplift", raising=False)
    with pytest.raises(ImportError, match="deeplift has been imported already"):
        importlib.import_module("deeplift_tf.compat.as_deeplift")
    assert sys.modules["deeplift"] is there
