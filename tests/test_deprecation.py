"""Names and forms of earlier versions mean what they meant, and warn."""

from __future__ import annotations

import importlib

import keras
import numpy as np
import pytest

import deeplift_tf as dl

OLD = [
    ("deeplift_tf", "Scope", "ConversionContext"),
    ("deeplift_tf", "slopes", "secants"),
    ("deeplift_tf.layers", "Choice", "MaxFunction"),
    ("deeplift_tf.layers", "Diagonal", "Routing"),
    ("deeplift_tf.layers", "Mixture", "LinearFunction"),
    ("deeplift_tf.layers", "Rearrangement", "RoutingFunction"),
    ("deeplift_tf.layers", "Side", "NonDifferentiable"),
    ("deeplift_tf.references", "Maker", "ReferenceSampler"),
    ("deeplift_tf.references", "as_references", "normalize_references"),
]


@pytest.mark.parametrize(("module", "old", "new"), OLD)
def test_old_names_warn(module: str, old: str, new: str) -> None:
    home = importlib.import_module(module)
    with pytest.warns(DeprecationWarning, match=rf"{module}\.{old} is now .*{new}"):
        found = getattr(home, old)
    assert found is getattr(home, new)
    assert old not in dir(home)


@pytest.mark.parametrize("module", [dl, dl.layers, dl.references], ids=lambda module: module.__name__)
def test_a_name_that_never_was(module: object) -> None:
    with pytest.raises(AttributeError, match="no attribute 'Swirl'"):
        module.Swirl  # type: ignore[attr-defined] # noqa: B018


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)])


X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def test_old_forms_of_arguments_warn_where_they_stand(model: keras.Model) -> None:
    with pytest.warns(DeprecationWarning, match="exact_only=") as seen:
        network = dl.convert(model, approximate=False)
    with pytest.warns(DeprecationWarning, match="jit_compile=") as more:
        score = network.compile(xla=False)
    with pytest.warns(DeprecationWarning, match="batch_size, progress: given by position") as last:
        scores = score(X, 0.5, 0, 2, False)
    with pytest.warns(DeprecationWarning, match="scores= after") as curve:
        old = dl.evaluate.deletion(network, X, scores, 0.5, steps=3)
    for each in (seen, more, last, curve):
        assert each[0].filename == __file__
    expected = score(X, 0.5, 0, batch_size=2)
    np.testing.assert_array_equal(scores.contributions, expected.contributions)
    np.testing.assert_array_equal(old.areas, dl.evaluate.deletion(network, X, 0.5, scores=scores, steps=3).areas)
    with pytest.raises(TypeError, match="as keywords"):
        score(X, 0.5, 0, 2, False, None)


def test_layers_without_an_exact_rule_are_refused_by_the_old_word_too() -> None:
    wavy = keras.Sequential(
        [keras.Input((3,)), keras.layers.Lambda(lambda x: keras.ops.det(x[:, :, None] * x[:, None]))]
    )
    with (
        pytest.warns(DeprecationWarning, match="exact_only="),
        pytest.raises(dl.errors.UnsupportedLayerError, match="exact_only=False"),
    ):
        dl.convert(wavy, approximate=False)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        ("ModelFileError", OSError),
        ("UnsafeModelError", PermissionError),
        ("UnsupportedLayerError", NotImplementedError),
        ("OutputFileError", OSError),
        ("WorkerError", RuntimeError),
        ("LayerNameError", KeyError),
        ("InputError", ValueError),
        ("MissingExtraError", ImportError),
    ],
)
def test_errors_are_the_builtin_that_fits(error: str, builtin: type[Exception]) -> None:
    raised = getattr(dl.errors, error)("what was expected, what came")
    assert isinstance(raised, builtin) and isinstance(raised, dl.DeepLiftError)
    assert str(raised) == "what was expected, what came"
