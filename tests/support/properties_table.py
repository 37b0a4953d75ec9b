"""Which method has which property, measured: ``python -m tests.support.properties_table`` writes docs/properties.md.

All toy functions stand side by side in one model, each with positions of the input for itself, so that one call of a
method tells all of its properties. The reference is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import deeplift_tf as dl
from deeplift_tf import methods
from tests.support.keras_models import randomise

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "properties.md"

SATURATING, THRESHOLD, LEFT, RIGHT, FIRST, SECOND, DUMMY = 0, 1, 2, 3, 4, 5, 9
OUTPUTS = ("saturating", "threshold", "minimum", "minimum_again", "smooth_minimum", "one", "other", "u", "v")
POSITIONS = 10
STEP = 1e-4  # to both sides of the threshold

ARGUMENTS: dict[str, dict[str, object]] = {
    "expected_gradients": {"samples": 50},
    "grad_cam": {"layer": "channel"},
    "grad_cam_plus_plus": {"layer": "channel"},
    "guided_grad_cam": {"layer": "channel"},
    "rsi_grad_cam": {"layer": "channel"},
}
COMPARED: dict[str, methods.table.Method] = {
    name: partial(method, **ARGUMENTS.get(name, {}))
    for name, method in methods.METHODS.items()
    if name not in ("deeplift", "in_silico_mutagenesis")  # the first is "rescale"; the other reads letters only
}


def weighted(
    x: keras.KerasTensor, weights: dict[int, float], bias: float = 0.0, activation: str | None = None
) -> object:
    """A unit of its own: f(Σ weights·x + bias)."""
    layer = keras.layers.Dense(1, activation=activation)
    y = layer(x)
    kernel = np.zeros((x.shape[-1], 1))
    kernel[list(weights), 0] = list(weights.values())
    layer.set_weights([kernel, np.array([bias])])
    return y


def toy_model() -> keras.Model:
    """The functions of `OUTPUTS`, in their order."""
    layers = keras.layers
    entry = keras.Input((POSITIONS, 1))
    channel = layers.Conv1D(1, 1, use_bias=False, name="channel")
    x = layers.Flatten()(channel(entry))
    channel.set_weights([np.ones((1, 1, 1))])

    saturating = weighted(weighted(x, {SATURATING: -1}, 1, "relu"), {0: -1}, 1)  # 1 − relu(1 − x)
    threshold = weighted(x, {THRESHOLD: 1}, -10, "relu")  # relu(x − 10)
    difference = {LEFT: 1.0, RIGHT: -1.0}
    minimum = layers.Subtract()([weighted(x, {LEFT: 1}), weighted(x, difference, 0, "relu")])
    again = layers.Subtract()([weighted(x, {LEFT: 1}), layers.ReLU()(weighted(x, difference, 0, "relu"))])
    smooth = layers.Subtract()([weighted(x, {LEFT: 1}), weighted(x, difference, 0, "softplus")])

    # relu(relu(a) − 1 − relu(b/2)) and relu(relu(a − 1) − relu(b/2)): equal for all a and b
    less = weighted(x, {SECOND: 0.5}, 0, "relu")
    one = layers.ReLU()(layers.Subtract()([weighted(weighted(x, {FIRST: 1}, 0, "relu"), {0: 1}, -1), less]))
    other = layers.ReLU()(layers.Subtract()([weighted(x, {FIRST: 1}, -1, "relu"), less]))

    hidden = layers.Dense(6, activation="tanh")
    three = hidden(x)
    kernel = np.zeros((POSITIONS, 6))
    kernel[6:9] = np.random.default_rng(0).normal(size=(3, 6))
    hidden.set_weights([kernel, np.linspace(-0.5, 0.5, 6)])
    rectified = layers.Dense(5, activation="relu")
    last = layers.Dense(2)
    both = last(rectified(three))
    randomise(keras.Sequential([keras.Input((6,)), rectified, last]), 4)
    rectified.set_weights([rectified.get_weights()[0], np.full(5, 3.0)])  # active all along the way: no kink on it
    return keras.Model(entry, layers.Concatenate()([saturating, threshold, minimum, again, smooth, one, other, both]))


def rows() -> np.ndarray:
    """One input for each question: saturation, both sides of the threshold, the minimum, equal functions, and u, v."""
    x = np.zeros((6, POSITIONS, 1))
    x[0, SATURATING] = 2
    x[1:3, THRESHOLD, 0] = 10 - STEP, 10 + STEP
    x[3, [LEFT, RIGHT]] = 2
    x[4, [FIRST, SECOND], 0] = 3, 1
    x[5, 6:, 0] = 0.8, -0.6, 1.1, 1.5
    return x


class Answers(NamedTuple):
    """What one call of a method tells: contributions by output and row, and the differences of the outputs."""

    contributions: dict[str, np.ndarray]
    differences: dict[str, np.ndarray]


def answers(network: dl.Network, method: methods.table.Method) -> Answers:
    x, one_hot = rows(), np.eye(len(OUTPUTS))
    mixture = 2 * one_hot[OUTPUTS.index("u")] - 3 * one_hot[OUTPUTS.index("v")]
    targets = [*one_hot, mixture]
    scores = method(network, x, 0.0, targets=targets, batch_size=512)
    names = (*OUTPUTS, "2u-3v")
    changes = (network.predict(x) - network.predict(np.zeros_like(x))) @ np.stack(targets).T
    return Answers(
        dict(zip(names, scores.contributions.reshape(len(names), 6, POSITIONS), strict=True)),
        dict(zip(names, changes.T, strict=True)),
    )


def near(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal but for rounding in float64, and for 50 nodes on a smooth path."""
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-7))


class Property(NamedTuple):
    """A column of the table: what is promised, the case that shows or refutes it, and the test."""

    name: str
    promise: str
    case: str
    holds: Callable[[Answers], bool]


PROPERTIES = (
    Property(
        "sensitivity",
        "a feature that differs from the reference, and alone makes the output differ, has a contribution",
        "1 − relu(1 − x) at 2",
        lambda a: abs(a.contributions["saturating"][0, SATURATING]) > 1e-3,
    ),
    Property(
        "specificity",
        "a feature with zero weights has none",
        "a tenth input to a network of three",
        lambda a: all(near(a.contributions[name][5, DUMMY], np.zeros(())) for name in ("u", "v", "2u-3v")),
    ),
    Property(
        "continuity",
        "x changed by next to nothing changes contributions by next to nothing",
        f"relu(x − 10) at 10 ± {STEP}",
        lambda a: np.abs(np.diff(a.contributions["threshold"][1:3, THRESHOLD])).max() < 100 * STEP,
    ),
    Property(
        "completeness",
        "contributions sum to the difference of the output from that of the reference",
        "a random network of tanh",
        lambda a: near(a.contributions["u"][5].sum(), a.differences["u"][5]),
    ),
    Property(
        "symmetry",
        "features that may be exchanged, and are equal, have equal contributions",
        "min(a, b), written a − softplus(a − b), at (2, 2)",
        lambda a: (
            near(*a.contributions["smooth_minimum"][3, [LEFT, RIGHT]])
            and abs(a.contributions["smooth_minimum"][3, LEFT]) > 1e-3
        ),
    ),
    Property(
        "symmetry at a kink",
        "the same",
        "min(a, b), written a − relu(a − b), at (2, 2)",
        lambda a: (
            near(*a.contributions["minimum"][3, [LEFT, RIGHT]]) and abs(a.contributions["minimum"][3, LEFT]) > 1e-3
        ),
    ),
    Property(
        "linearity",
        "the contributions to a weighted sum of outputs are the weighted sum of the contributions",
        "2u − 3v of a random network",
        lambda a: near(a.contributions["2u-3v"][5], 2 * a.contributions["u"][5] - 3 * a.contributions["v"][5]),
    ),
    Property(
        "implementation invariance",
        "networks that are the same function have the same contributions",
        "relu(relu(a) − 1 − relu(b/2)) and relu(relu(a − 1) − relu(b/2)) at (3, 1); min by one relu and by two",
        lambda a: (
            near(a.contributions["one"][4], a.contributions["other"][4])
            and near(a.contributions["minimum"][3], a.contributions["minimum_again"][3])
            and np.abs(a.contributions["one"][4]).max() > 1e-3
        ),
    ),
)


def measure() -> dict[str, list[bool]]:
    """Which of `PROPERTIES` each method has."""
    network = dl.convert(toy_model(), dtype="float64")
    found = {name: answers(network, method) for name, method in COMPARED.items()}
    return {name: [bool(each.holds(answer)) for each in PROPERTIES] for name, answer in found.items()}


def render(table: dict[str, list[bool]]) -> str:
    """The document of a table."""
    head = ["method", *(each.name for each in PROPERTIES)]
    lines = [[name, *("yes" if holds else "no" for holds in row)] for name, row in table.items()]
    grid = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines)]
    promises = [f"- **{each.name}**: {each.promise}. Case: {each.case}." for each in PROPERTIES]
    return "\n".join([INTRODUCTION, *grid, "", *promises, "", REMARKS, ""])


INTRODUCTION = """# Properties of the methods

Every cell is the result of a test on a small network built to show or refute the property, in float64 against a
reference of zeros; `python -m tests.support.properties_table` writes this page, and the tests fail where it is out of
date. "yes" means that the case did not refute the property, "no" that it did.
"""

REMARKS = """Integrated gradients are complete as far as the quadrature is; `delta` says what it leaves. Expected
gradients are complete in expectation only. Their random numbers, and SmoothGrad's, follow from the row itself.
The theorem that integrated gradients are symmetric asks for a gradient along the way: the way to (2, 2) runs along
the kink of a − relu(a − b). Maps of Grad-CAM and RSI-Grad-CAM are of whole channels, which all positions share; here
the layer has one. In-silico mutagenesis reads letters only and is not in the table.

## Where the table departs from what papers state

- **Integrated gradients, symmetry at a kink: no.** Sundararajan et al. (2017) prove that the straight path
  preserves symmetry. The proof asks for a gradient along the path; on a kink a program picks one side. Beside the
  kink the cell is "yes".
- **Expected gradients, completeness: no.** Erion et al. (2021) state it for the expectation. The cell is that of
  the few samples of a call; `delta` shrinks with more of them.
- **Rescale and RevealCancel, linearity: yes.** It is meant here as linearity in the outputs, a weighted sum of
  targets, for which papers have a wider word: a sum of two networks.
- **Rescale, implementation invariance: no**, as Sundararajan et al. (2017) state. For networks with one nonlinear
  layer between linear ones it holds all the same: there Rescale equals integrated gradients ([the
  theorem](mathematics.md#rescale-and-integrated-gradients)).
- **Guided backpropagation and DeconvNet, implementation invariance: yes.** Neither is a function of the output
  alone, and other pairs of networks would show it: both look at each rectifier. The two pairs tried here do not
  refute it.
- **Occlusion, completeness: no.** With windows that interact, the falls of the output are counted more than once.
  For a network that is linear in its windows it is complete.
- **Sensitivity** is the sensitivity (a) of Sundararajan et al. (2017), not that of Yeh et al. (2019), which is a
  number: `dl.evaluate.sensitivity`."""


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(render(measure()), encoding="utf-8")
    print(DOCUMENT.read_text(encoding="utf-8"))
