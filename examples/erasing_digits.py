"""Which pixels make an 8 a 3? Erase those that a method points at, and see whether the model changes its mind.

    python examples/erasing_digits.py

The experiment of the DeepLIFT paper (Shrikumar et al., ICML 2017, section 4.1) on scikit-learn's handwritten digits.
For every image of a class, pixels are ranked by how much more they speak for that class than for another one; up to a
fifth of them are erased; the change of the log-odds of the two classes tells how well the ranking was chosen. Output in
the folder erasing_digits/: table.md, the mean change for every method, and boxes.png.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # before TensorFlow starts: the model is small

import numpy as np

if TYPE_CHECKING:
    import keras

    import deeplift_tf as dl

FOLDER = Path("erasing_digits")
PAIRS = ((8, 3), (8, 6), (9, 1), (4, 1))  # from the first class to the second
ERASED = 13  # pixels of 64, a fifth


def trained() -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """Return a model of digits, and the images and classes that it has not seen."""
    import keras
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    keras.utils.set_random_seed(0)
    digits = load_digits()
    images = (digits.images[..., None] / 16).astype("float32")
    x, x_test, y, y_test = train_test_split(images, digits.target, test_size=0.4, random_state=0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="strokes"),
            layers.Conv2D(32, 3, activation="relu", name="shapes"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=15, batch_size=32, verbose=0)
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    print(f"trained: {100 * accuracy:.1f} % of {len(x_test)} digits it has not seen are read right\n")
    return model, x_test, y_test


def erased(x: np.ndarray, differences: np.ndarray, most: int = ERASED) -> np.ndarray:
    """Return images without the pixels of the largest differences; pixels of no positive difference stay."""
    flat, scores = x.reshape(len(x), -1).copy(), differences.reshape(len(x), -1)
    order = np.argsort(-scores, 1)[:, :most]
    chosen = np.take_along_axis(scores, order, 1) > 0
    np.put_along_axis(flat, order, np.where(chosen, 0, np.take_along_axis(flat, order, 1)), 1)
    return flat.reshape(x.shape)


def against_digits(background: np.ndarray) -> Callable[..., Any]:
    """Return Deep SHAP against some digits, as it is meant, where the other methods have an empty image."""
    import deeplift_tf as dl

    def method(network: dl.Network, images: np.ndarray, empty: float, **others: Any) -> Any:
        return dl.methods.deep_shap(network, images, data=background, **others)

    return method


def changes(
    network: dl.Network, methods: Mapping[str, Callable[..., Any]], x: np.ndarray, y: np.ndarray
) -> dict[str, list[np.ndarray]]:
    """Return the change of the log-odds of every image, by method, one array for each pair of classes."""
    logits = network.compile()
    found: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    for first, second in PAIRS:
        images = x[y == first]
        contrast = np.zeros(10)
        contrast[[first, second]] = 1, -1
        before = logits(images, 0.0, contrast, pre_activation=True, batch_size=256).outputs
        for name, method in methods.items():
            scores = method(network, images, 0.0, targets=[first, second], pre_activation=True, batch_size=256)
            difference = scores.contributions[0] - scores.contributions[1]
            after = logits(erased(images, difference), 0.0, contrast, pre_activation=True, batch_size=256).outputs
            found[name].append(before - after)
    return found


def table(found: dict[str, list[np.ndarray]]) -> str:
    """Return the mean change of each method, with its standard error, the best first."""
    head = [
        "method",
        *(f"{a} → {b} (n = {len(f)})" for (a, b), f in zip(PAIRS, next(iter(found.values())), strict=True)),
    ]
    best_first = sorted(found, key=lambda name: -float(np.mean([np.mean(each) for each in found[name]])))
    lines = [head, ["---"] * len(head)]
    for name in best_first:
        lines.append([name, *(f"{f.mean():.2f} ± {f.std() / len(f) ** 0.5:.2f}" for f in found[name])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(found: dict[str, list[np.ndarray]], path: Path) -> None:
    """Draw the changes of each pair of classes as boxes."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(PAIRS), figsize=(3.2 * len(PAIRS), 4.5), sharey=True, layout="constrained")
    for index, (ax, (first, second)) in enumerate(zip(axes, PAIRS, strict=True)):
        ax.boxplot([each[index] for each in found.values()], showfliers=False)
        ax.set_xticks(range(1, len(found) + 1), list(found), rotation=90)
        ax.set_title(f"{first} → {second}")
        ax.axhline(0, color="grey", linewidth=0.5)
    axes[0].set_ylabel("change of log-odds")
    fig.savefig(path, dpi=120)


def main() -> None:
    """Train, erase, print the table and draw the boxes."""
    import deeplift_tf as dl

    FOLDER.mkdir(exist_ok=True)
    model, x, y = trained()
    network = dl.convert(model)
    maps = {name: partial(dl.methods.METHODS[name], layer="shapes") for name in ("grad_cam", "rsi_grad_cam")}
    others = maps | {"deep_shap": against_digits(x[::25])}
    left_out = ("deeplift", "in_silico_mutagenesis")  # rescale once more, and a method for letters
    methods = {name: others.get(name, each) for name, each in dl.methods.METHODS.items() if name not in left_out}
    found = changes(network, methods, x, y)
    (FOLDER / "table.md").write_text(table(found) + "\n", encoding="utf-8")
    print(f"change of the log-odds on erasing up to {ERASED} of 64 pixels, mean and standard error\n\n{table(found)}")
    draw(found, FOLDER / "boxes.png")
    print(f"\nwritten: {FOLDER / 'table.md'}, {FOLDER / 'boxes.png'}")


if __name__ == "__main__":
    main()
