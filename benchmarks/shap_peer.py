"""What is measured of SHAP: DeepExplainer on the Keras model, which gets the scored position as its only output."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from benchmarks.cases import SEVERAL, Case, Data
from benchmarks.models import with_one_output
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
        self._gradient = tf.function(self._gradient_of_target)

    def things(self) -> dict[str, Callable[[], Thing]]:
        """Return how to make each thing, by name; a failed call of SHAP leaves gradients broken, so it comes last."""
        return {"gradient": lambda: Thing(self.gradient, len(self.data.x)), "shap_20": self.shap_20}

    def gradient(self) -> Any:
        """Return gradient x input."""
        return self._gradient(tf.constant(self.data.x)).numpy()

    def _gradient_of_target(self, x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            target = self.model(x, training=False)[:, 0]
        return tape.gradient(target, x) * x

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
