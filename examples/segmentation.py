"""Segmentation: why does a U-Net call this region a disc? The target is a region of the output, a float array.

    python examples/segmentation.py [folder]

Pictures hold discs and squares; a small U-Net learns to mark the discs alone. The sum of its logits over one disc is
scored: what makes the network mark just this one. Output in the folder segmentation/: model.keras, regions.png.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# before TensorFlow starts: the model is too small for a graphics card
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

if TYPE_CHECKING:
    import keras

SIZE = 32


def simulate(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures of two discs and two squares, one in each quarter, and masks of the discs one by one.

    Returns
    -------
    x : np.ndarray, shape (count, SIZE, SIZE, 1)
    discs : np.ndarray, shape (count, 2, SIZE, SIZE, 1)
    """
    rows, columns = np.mgrid[:SIZE, :SIZE]
    x = rng.normal(0, 0.08, (count, SIZE, SIZE))
    discs = np.zeros((count, 2, SIZE, SIZE), bool)
    for index in range(count):
        for place, quarter in enumerate(rng.permutation(4)):
            radius = rng.integers(3, 6)
            top, left = (SIZE // 2 * np.array(divmod(quarter, 2))) + rng.integers(6, 11, 2)
            if place < 2:
                shape = (rows - top) ** 2 + (columns - left) ** 2 <= radius**2
                discs[index, place] = shape
            else:
                shape = np.maximum(abs(rows - top), abs(columns - left)) <= radius - 1
            x[index] += shape * rng.uniform(0.6, 1.0)
    return x[..., None].astype("float32"), discs[..., None]


def u_net() -> keras.Model:
    """Return a U-Net of two levels that gives a logit for each pixel."""
    import keras

    layers = keras.layers
    x = keras.Input((SIZE, SIZE, 1), name="image")
    fine = layers.Conv2D(12, 3, padding="same", activation="relu", name="fine")(x)
    coarse = layers.MaxPooling2D(2, name="down")(fine)
    coarse = layers.Conv2D(24, 3, padding="same", activation="relu", name="coarse_1")(coarse)
    coarse = layers.Conv2D(24, 5, padding="same", activation="relu", name="coarse_2")(coarse)
    both = layers.Concatenate(name="skip")([layers.UpSampling2D(2, name="up")(coarse), fine])
    both = layers.Conv2D(12, 3, padding="same", activation="relu", name="joined")(both)
    return keras.Model(x, layers.Conv2D(1, 1, activation="sigmoid", name="disc")(both))


def main() -> None:
    """Train, score two regions of the same picture, draw."""
    from deeplift_tf.cli.quiet import import_tensorflow

    import_tensorflow()
    import keras

    import deeplift_tf as dl
    from deeplift_tf.plots.figure import pyplot

    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "segmentation")
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(0)
    x, discs = simulate(1250, np.random.default_rng(0))
    model = u_net()
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["binary_accuracy"])
    model.fit(x[50:], discs[50:].any(1).astype("float32"), epochs=8, verbose=0)
    marks = model.predict(x[:50], verbose=0) > 0.5
    overlap = (marks & discs[:50].any(1)).sum() / (marks | discs[:50].any(1)).sum()
    print(f"trained: {100 * overlap:.1f} % overlap with the discs of new pictures")
    model.save(folder / "model.keras")

    shown, regions = x[:3], discs[:3].astype("float32")
    score = dl.convert(folder / "model.keras").compile()
    found = [score(shown, 0.0, target=regions[:, place], pre_activation=True) for place in (0, 1)]
    for place, scores in enumerate(found):
        relative = np.abs(scores.delta / (scores.outputs - scores.reference_outputs)).max()
        print(f"disc {place + 1}: largest delta {relative:.1e} of the difference")
    fig, axes = pyplot().subplots(3, 4, figsize=(10, 8.4), layout="constrained")
    for ax, image, marked in zip(axes[:, 0], shown, marks, strict=False):
        ax.imshow(image[..., 0], cmap="gray")
        ax.contour(marked[..., 0], levels=[0.5], colors="tab:green")
        ax.set(xticks=[], yticks=[])
    axes[0, 0].set_title("marked as discs")
    maps = np.concatenate([scores.contributions for scores in found])
    dl.plots.heatmap(maps, np.tile(shown, (2, 1, 1, 1)), alpha=0.8, colorbar=False, ax=axes[:, 1:3].T)
    fig.colorbar(axes[0, 1].images[-1], ax=axes[:, 1:3], location="bottom", shrink=0.6, label="contribution")
    for place in (0, 1):
        axes[0, 1 + place].set_title(f"why disc {place + 1}")
        for row in range(3):
            axes[row, 1 + place].contour(regions[row, place, ..., 0], levels=[0.5], colors="black", linewidths=1)
    for row in range(3):
        dl.plots.scaled_image(found[0].contributions[row], shown[row], ax=axes[row, 3])
    axes[0, 3].set_title("disc 1, scaled")
    fig.savefig(folder / "regions.png", dpi=100)
    print(f"look at {folder / 'regions.png'}")


if __name__ == "__main__":
    main()
