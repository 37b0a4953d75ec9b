"""Every layer of the table is made of the same nodes live, from its files, and predicts and scores the same."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import UnsupportedLayerError
from deeplift_tf.network import Network
from tests.support.checks import assert_close_to_largest
from tests.support.installed import exported
from tests.support.keras_models import LAYER_ROWS, Row, outputs_of, random_inputs, randomise

pytestmark = pytest.mark.filterwarnings("ignore:Layer 'flatten' .* was passed an input with a mask:UserWarning")

SAMPLE = {"multi_head_attention", "discretization"}
EACH = 6  # of so many rows one is slow only, and the others are for a sweep


def rows(ids: set[str], each: int = EACH) -> list[Any]:
    slow, sweep = [pytest.mark.slow], [pytest.mark.slow, pytest.mark.sweep]
    return [
        row if row.id in ids else pytest.param(row, marks=sweep if index % each else slow)
        for index, row in enumerate(LAYER_ROWS)
    ]


def nodes(network: Network) -> Counter[tuple[str, bool]]:
    return Counter((node.layer.kind, node.layer.exact) for node in network.graph.nodes)


def results(network: Network, row: Row) -> tuple[Any, Any]:
    x, references = random_inputs(row, 2), random_inputs(row, 3)
    given, before = (dict(zip(network.input_names, each, strict=True)) for each in (x, references))
    return network.predict(given), network.compile()(given, before, target=0).contributions


@pytest.mark.parametrize("row", rows(SAMPLE), ids=lambda row: row.id)
def test_the_same_from_files(row: Row, tmp_path: Path) -> None:
    model = randomise(row.build(), 1)
    live = dl.convert(model)
    expected, scores = results(live, row)
    assert_close_to_largest(keras.tree.flatten(expected), outputs_of(model, row, random_inputs(row, 2)), 1e-5, "live")
    for name in ("model.keras", "model.h5"):
        try:
            model.save(tmp_path / name)
        except TypeError:  # a config of this layer that Keras cannot write to HDF5
            assert name == "model.h5"
            continue
        network = dl.convert(tmp_path / name, safe_mode="lambda" not in row.id)
        assert nodes(network) == nodes(live), name
        found, contributions = results(network, row)
        assert_close_to_largest(keras.tree.flatten(found), keras.tree.flatten(expected), 1e-5, name)
        assert_close_to_largest(keras.tree.flatten(contributions), keras.tree.flatten(scores), 1e-5, name)


@pytest.mark.slow
@pytest.mark.parametrize("row", rows(SAMPLE, each=len(LAYER_ROWS)), ids=lambda row: row.id)
def test_the_same_from_an_export(row: Row, tmp_path: Path) -> None:
    """Other nodes, for TensorFlow writes layers in operations; as exact, and with the same scores.

    Refused are exports of augmentation: Keras writes it as it is in training, drawing anew in every call.
    """
    if "xla" in row.tags:
        pytest.skip("TensorFlow exports no such convolution for a CPU")
    model = randomise(row.build(), 1)
    live, folder = dl.convert(model), exported(model, tmp_path / "served")
    try:
        network = dl.convert(folder)
    except UnsupportedLayerError as error:
        assert "random numbers in every call" in str(error), row.id
        assert any(hasattr(layer, "get_random_transformation") for layer in every_layer(model)), row.id
        return
    expected, scores = results(live, row)
    found, contributions = results(network, row)
    assert_close_to_largest(keras.tree.flatten(found), keras.tree.flatten(expected), 1e-5)
    assert {exact for _, exact in nodes(network)} == {exact for _, exact in nodes(live)}
    flat = [np.asarray(each) for each in keras.tree.flatten(contributions)]
    if "path" not in row.tags:
        assert_close_to_largest(flat, keras.tree.flatten(scores), 1e-5)


def every_layer(model: keras.Model) -> list[Any]:
    """Return the layers of a model, those inside of others among them."""
    return list(model._flatten_layers(include_self=False))


def test_no_handler_hides_an_error_of_the_package() -> None:
    """Whatever catches every exception, or those of TensorFlow beside ValueError, lets the package's through first.

    They are built-in ones as well, some of them ValueErrors.
    """
    hiding = []
    for path in sorted(Path(inspect.getfile(inspect.unwrap(dl.convert))).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            handlers = node.handlers if isinstance(node, ast.Try) else []
            caught = [ast.unparse(each.type) if each.type else "" for each in handlers]
            wide = [index for index, name in enumerate(caught) if is_wide(name)]
            if wide and "DeepLiftError" not in caught[: wide[0]]:
                hiding.append(f"{path.name}:{handlers[0].lineno}")
    assert hiding == []


def is_wide(caught: str) -> bool:
    return caught in ("", "Exception", "BaseException") or ("OpError" in caught and "ValueError" in caught)
