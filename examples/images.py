"""Images: train on two photographs, score crops against four references, see the heat maps side by side.

    python examples/images.py [folder]

scikit-learn ships two photographs, of a temple and of a flower. A small network learns, on their left halves, to tell
which one a crop is from; crops of their right halves are scored against a zero reference, the mean of the training
crops, the crop blurred, and crops of the other photograph. Output in the folder images/: model.keras and
references.png.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# before TensorFlow starts: the model is too small for a graphics card
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

SIZE, CLASSES = 40, ("temple", "flower")


def photographs() -> list[np.ndarray]:
    """Return the two photographs at half their size, shape (213, 320, 3), from 0 to 1."""
    from sklearn.datasets import load_sample_images

    return [image[: len(image) // 2 * 2 : 2, ::2].astype("float32") / 255 for image in load_sample_images().images]


def crops(rng: np.random.Generator, count: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Return crops between two columns of the photographs, and which one each is from."""
    whole, labels = photographs(), rng.integers(0, 2, count)
    images = []
    for label in labels:
        top, left = rng.integers(40, len(whole[label]) - SIZE), rng.integers(first, last - SIZE)
        images.append(whole[label][top : top + SIZE, left : left + SIZE])
    return np.stack(images), labels


def train(folder: Path, x: np.ndarray, labels: np.ndarray) -> None:
    """Train a small network and save it."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3), name="image"),
            layers.Conv2D(12, 5, activation="relu", name="colours"),
            layers.BatchNormalization(name="normalised"),
            layers.AveragePooling2D(2, name="pool"),
            layers.Conv2D(24, 3, activation="relu", name="textures"),
            layers.Conv2D(24, 3, activation="relu", name="parts"),
            layers.GlobalAveragePooling2D(name="average"),
            layers.Dense(2, activation="softmax", name="photograph"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[200:], labels[200:], epochs=6, verbose=0)
    print(f"trained: {100 * model.evaluate(x[:200], labels[:200], verbose=0)[1]:.1f} % of new crops are told apart")
    model.save(folder / "model.keras")


def main() -> None:
    """Train, score against four references, draw."""
    from deeplift_tf.cli.quiet import import_tensorflow

    import_tensorflow()
    import keras

    import deeplift_tf as dl
    from deeplift_tf.plots.figure import pyplot

    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "images")
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, labels = crops(rng, 1200, 0, 160)
    train(folder, x, labels)
    shown, of = crops(rng, 40, 160, 240)
    most = np.argsort(-shown.std((1, 2, 3)))  # of each photograph the two crops with the most to see
    chosen = [*most[of[most] == 0][:2], *most[of[most] == 1][:2]]
    shown, of = shown[chosen], of[chosen]
    others = [dl.references.background_sample(x[labels != label], 8)[0] for label in of]
    references = {
        "zero": 0.0,
        "mean": dl.references.mean(x),
        "blurred": dl.references.blurred(4),
        "other images": np.stack(others),
    }
    score = dl.convert(folder / "model.keras").compile()
    rows = len(shown)
    heights = [*[1] * rows, 0.05]  # below each column its scale of colours
    fig, axes = pyplot().subplots(
        rows + 1, 1 + len(references), figsize=(9.5, 8.6), layout="constrained", height_ratios=heights
    )
    axes[rows, 0].set_axis_off()
    for ax, image, label in zip(axes[:rows, 0], shown, of, strict=True):
        ax.imshow(image)
        ax.set(xticks=[], yticks=[], ylabel=CLASSES[label])
    for column, (name, reference) in enumerate(references.items(), 1):
        scores = score(shown, reference, target=of, pre_activation=True, mean_normalised=True)
        assert scores.delta is not None
        print(f"{name:<14}largest delta {np.abs(scores.delta).max():.1e}")
        panels = axes[:rows, column]
        dl.plots.heatmap(scores.contributions, shown, alpha=0.8, percentile=98, colorbar=False, ax=panels)
        fig.colorbar(panels[0].images[-1], cax=axes[rows, column], orientation="horizontal", label="contribution")
        panels[0].set_title(name)
    fig.suptitle("What speaks for the photograph (red) and against it (blue), by reference")
    fig.savefig(folder / "references.png", dpi=100)
    print(f"look at {folder / 'references.png'}")


if __name__ == "__main__":
    main()
