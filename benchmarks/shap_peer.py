"""What is measured of SHAP: DeepExplainer on the Keras model, which gets the scored position as its only output."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras

from benchmarks.cases import SEVERAL, Case, Data
from benchmarks.models import gradient_times_input, with_one_output
from benchmarks.timing import Thing, missed


class ShapPeer:
    """Makes the things to be measured for one network and its data.

    Parameters
    ----------
    case : Case
    model : keras.Model
    data : Data
    """

    def __init__(self, case: Case, model: keras.Model, data: Data) -> None:
        self.case, self.data, self.model = case, data, with_one_output(model, case)

    def things(self) -> dict[str, Callable[[], Thing]]:
        """Return how to make each thing, by name; a failed call of SHAP leaves gradients broken, so it comes last."""
        gradient, x = gradient_times_input(self.model), self.data.x
        return {"gradient": lambda: Thing(lambda: gradient(x), len(x)), "shap_20": self.shap_20}

    def shap_20(self) -> Thing:
        """Return DeepExplainer with the background of the first example for all of them."""
        import shap

        x, background = self.data.x[: self.case.examples], self.data.several[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TensorFlow is newer than 2.4
            explainer = shap.DeepExplainer(self.model, background)

        def call() -> Any:
            return explainer.shap_values(x, check_additivity=False)[..., 0]

        def error(values: Any) -> float:
            outputs = [self.model(part, training=False).numpy()[:, 0] for part in (x, background)]
            return missed(values, outputs[0] - outputs[1].mean())

        return Thing(call, len(x) * SEVERAL, error)
