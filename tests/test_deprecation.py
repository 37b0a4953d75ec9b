"""Names of earlier versions mean what they meant, and warn."""

from __future__ import annotations

import importlib

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
