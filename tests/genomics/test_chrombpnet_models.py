"""chrombpnet_nobias.h5 is scored as it is; chrombpnet.h5 too, once the function of its last layer is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.genomics.conftest import LENGTH
from tests.support.command_line import run

pytest.importorskip("pyfaidx")
COUNTS = """
import tensorflow as tf

custom_objects = {"logcount_predictions": lambda x: tf.math.reduce_logsumexp(x, axis=-1, keepdims=True)}
"""


def tower(filters: int, name: str) -> keras.Model:
    """A small BPNet by chrombpnet's own names."""
    x = keras.Input((LENGTH, 4), name="sequence")
    y = layers.Conv1D(filters, 5, activation="relu", name=f"{name}_bpnet_1st_conv")(x)
    z = layers.Conv1D(filters, 3, dilation_rate=2, activation="relu", name=f"{name}_bpnet_1conv")(y)
    y = layers.add([z, layers.Cropping1D(2, name=f"{name}_bpnet_1crop")(y)])
    profile = layers.Conv1D(1, 5, name=f"{name}_bpnet_prof_out_precrop")(y)
    profile = layers.Flatten(name=f"{name}_bpnet_logits_profile_predictions")(layers.Cropping1D(2)(profile))
    total = layers.GlobalAveragePooling1D()(y)
    return keras.Model(x, [profile, layers.Dense(1, name=f"{name}_bpnet_logcount_predictions")(total)], name=name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, keras.Model]]:
    """The folder of the files, and the models as they were before."""
    folder = tmp_path_factory.mktemp("chrombpnet")
    keras.utils.set_random_seed(3)
    bias, own = tower(3, "bias_model"), tower(5, "model_wo_bias")
    x = keras.Input((LENGTH, 4), name="sequence")
    (bias_profile, bias_total), (profile, total) = bias(x), own(x)
    both = layers.Concatenate(axis=-1)([total, bias_total])
    summed = layers.Lambda(
        lambda z: tf.math.reduce_logsumexp(z, axis=-1, keepdims=True), name="logcount_predictions", output_shape=(1,)
    )(both)
    added = layers.Add(name="logits_profile_predictions")([profile, bias_profile])
    found = {"chrombpnet.h5": keras.Model(x, [added, summed]), "chrombpnet_nobias.h5": own}
    for name, model in found.items():
        model.save(folder / name)
    (folder / "counts.py").write_text(COUNTS)
    return folder, found


@pytest.fixture(scope="module")
def models(made: tuple[Path, dict[str, keras.Model]]) -> Path:
    return made[0]


def scored(data: Path, models: Path, name: str, out: Path, *more: object) -> Any:
    given = ("-m", models / name, "-r", data / "peaks.narrowPeak", "-g", data / "genome.fa", "-o", out)
    return run("score", *given, "--targets", "counts,profile", "--references", 0.25, "--formats", "chrombpnet", *more)


def arrays(out: Path) -> dict[str, np.ndarray]:
    with h5py.File(out / "scores.h5") as file:
        parts = ("outputs", "reference_outputs", "contributions")
        names = [f"{part}/{target}" for part in parts for target in ("counts", "profile")]
        return {name: file[name][:].astype(float) for name in [*names, "sequences"]}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("chrombpnet_nobias.h5", []),
        ("chrombpnet.h5", ["--custom-objects", "counts.py"]),
        ("chrombpnet.h5", ["--unsafe"]),
    ],
)
def test_both_files_are_scored(
    data: Path,
    made: tuple[Path, dict[str, keras.Model]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    code: list[str],
) -> None:
    models, known = made
    monkeypatch.chdir(models)
    result = scored(data, models, name, tmp_path / "out", *code)
    assert result.exit_code == 0, result.stderr
    found = arrays(tmp_path / "out")
    profile, total = (
        np.asarray(each, float) for each in known[name](found["sequences"].astype("float32"), training=False)
    )
    np.testing.assert_allclose(found["outputs/counts"], total.sum(-1), rtol=1e-4)
    shares = np.exp(profile - profile.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    weighted = (shares * (profile - profile.mean(-1, keepdims=True))).sum(-1)
    np.testing.assert_allclose(found["outputs/profile"], weighted, rtol=1e-3, atol=1e-5)  # float32, small differences
    for target in ("counts", "profile"):
        difference = found[f"outputs/{target}"] - found[f"reference_outputs/{target}"]
        sums = found[f"contributions/{target}"].sum((1, 2))
        np.testing.assert_allclose(sums, difference, atol=1e-4 * np.abs(difference).max())


def test_code_in_the_model_is_not_run(data: Path, models: Path, tmp_path: Path) -> None:
    result = scored(data, models, "chrombpnet.h5", tmp_path / "out")
    assert result.exit_code == 2
    assert "logcount_predictions" in result.stderr
    assert "--unsafe" in result.stderr
    assert "--custom-objects" in result.stderr
