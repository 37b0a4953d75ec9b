"""Exported models, with what Python says about the same rows."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

import deeplift_tf as dl
from tests.support.served_models import CASES

close = functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6)  # float32 of the same operations
TARGET = np.array([0, 2, 1, 1, 0, 2], np.int32)


class Served(NamedTuple):
    """An exported function, what a request holds, and what it has to answer."""

    folder: Path
    request: dict[str, np.ndarray]
    answer: dict[str, np.ndarray]
    predictions: np.ndarray


def answer_of(scores: Any) -> dict[str, np.ndarray]:
    """What Python returns, by the names of the signature."""
    found: dict[str, np.ndarray] = {}
    for part, value in scores.arrays().items():
        if isinstance(value, dict):
            found |= {f"{part}_{name}": array for name, array in value.items()}
        elif value is not None:
            found[part] = value
    return found


def references_for(x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """References of each row: the rows in reverse order."""
    return {name: np.ascontiguousarray(array[::-1]) for name, array in x.items()}


def serve(name: str, folder: Path) -> Served:
    """Export one of the models, and ask Python what its answer has to be."""
    keras.utils.set_random_seed(5)
    case = CASES[name]()
    network = dl.convert(case.model, rule=case.rule)
    score = network.compile()
    path = score.export(folder / name / "1")
    references = references_for(case.x)
    if len(case.x) == 1:
        scores = score(next(iter(case.x.values())), next(iter(references.values())), TARGET)
        given = {"references": next(iter(references.values()))}
    else:
        scores = score(case.x, references, target=TARGET)
        given = {f"references_{key}": value for key, value in references.items()}
    sums = {"per_token": scores.per_token()} if name == "tokens" else {}
    return Served(path, case.x | given | {"target": TARGET}, answer_of(scores) | sums, network.predict(case.x))
