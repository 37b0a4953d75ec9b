"""What is measured in PyTorch: gradient x input, Captum and tangermeme, on the twin of the Keras model."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.cases import SEVERAL, TARGET, Case, Data
from benchmarks.timing import Thing, apart, mean_difference, missed
from benchmarks.torch_models import TWINS, channels_first

AGREEMENT = 1e-4


class TorchPeers:
    """Makes the things to be measured for one network and its data.

    Parameters
    ----------
    case : Case
    weights : Path
        Of the Keras model by name, its predictions for x as "outputs" beside them.
    data : Data
    """

    def __init__(self, case: Case, weights: Path, data: Data) -> None:
        self.case, self.data = case, data
        arrays: Mapping[str, np.ndarray] = np.load(weights)
        self.model = TWINS[case.name](arrays).eval()
        self.x = channels_first(data.x)
        self.difference = apart(self.outputs(self.x), arrays["outputs"])
        if self.difference > AGREEMENT:
            raise ValueError(f"the twin of {case.name} predicts otherwise than the Keras model, by {self.difference}")

    def things(self) -> dict[str, Callable[[], Thing]]:
        """Return how to make each thing, by name: of the packages that are installed; tangermeme reads sequences."""
        made: dict[str, Callable[[], Thing]] = {"gradient": lambda: Thing(self.gradient, len(self.x))}
        if importlib.util.find_spec("captum"):
            made |= {"captum_each": self.captum_each, "captum_20": self.captum_20}
        if importlib.util.find_spec("tangermeme") and self.case.sequence:
            made["tangermeme_20"] = self.tangermeme_20
        return made

    def outputs(self, x: torch.Tensor) -> np.ndarray:
        """Return what the twin predicts for the target, shape (N,)."""
        with torch.no_grad():
            return np.concatenate([self.model(part)[:, TARGET].numpy() for part in x.split(32)])

    def gradient(self) -> np.ndarray:
        """Return gradient x input."""
        x = self.x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.model(x)[:, TARGET].sum(), x)
        return (gradient * x).detach().numpy()

    def captum_each(self) -> Thing:
        """Return Captum's DeepLift with one reference for each example."""
        explainer, references = (
            importlib.import_module("captum.attr").DeepLift(self.model),
            channels_first(self.data.each),
        )

        def call() -> Any:
            return explainer.attribute(self.x, references, target=TARGET).detach().numpy()

        differences = self.outputs(self.x) - self.outputs(references)
        return Thing(quietly(call), len(self.x), lambda c: missed(c, differences))

    def captum_20(self) -> Thing:
        """Return Captum's DeepLiftShap, the background of the first example for all of them."""
        explainer = importlib.import_module("captum.attr").DeepLiftShap(self.model)
        x, references = self.x[: self.case.examples], channels_first(self.data.several[0])

        def call() -> Any:
            return explainer.attribute(x, references, target=TARGET).detach().numpy()

        differences = self.outputs(x) - self.outputs(references).mean()
        return Thing(quietly(call), len(x) * SEVERAL, lambda c: missed(c, differences))

    def tangermeme_20(self) -> Thing:
        """Return tangermeme's deep_lift_shap, twenty references for each example in one batch."""
        function = importlib.import_module("tangermeme.deep_lift_shap").deep_lift_shap
        x, references = self.x[: self.case.examples], channels_first(self.data.several, 2)
        pairs = len(x) * SEVERAL

        def call() -> Any:
            return function(self.model, x, target=TARGET, references=references, batch_size=pairs, device="cpu").numpy()

        differences = mean_difference(self.outputs(x), self.outputs(references.flatten(0, 1)))
        return Thing(quietly(call), pairs, lambda c: missed(c, differences))


def quietly(call: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call without its warnings: that its scores miss the difference is in the table."""

    def quiet() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()

    return quiet
