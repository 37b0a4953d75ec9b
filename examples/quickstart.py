"""First five minutes: train a digit reader, score what it looks at, and see it.

    python examples/quickstart.py

A small Keras network learns scikit-learn's 1,797 handwritten digits, is saved like any other model, and is scored from
its file. Output in the folder quickstart/: digits.keras, the model; digits.npy, the rows that were scored;
scores.h5, their scores; and digits.png, the digits with their heat maps.
"""

from __future__ import annotations

import os
from pathlib import Path

# before TensorFlow starts: the model is too small for a graphics card
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import numpy as np

FOLDER = Path("quickstart")
SHOWN = 10


def train(folder: Path) -> np.ndarray:
    """Train a model, save it, and return test digits, one of each class, shape (10, 8, 8, 1)."""
    import keras
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    keras.utils.set_random_seed(0)
    digits = load_digits()
    images = (digits.images[..., None] / 16).astype("float32")
    x, x_test, y, y_test = train_test_split(images, digits.target, test_size=0.25, random_state=0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="strokes"),
            keras.layers.Conv2D(32, 3, activation="relu", name="shapes"),
            keras.layers.MaxPooling2D(2, name="pool"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(64, activation="relu", name="hidden"),
            keras.layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=12, batch_size=32, verbose=0)
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    print(f"trained: {100 * accuracy:.1f} % of {len(x_test)} digits it has not seen are read right")
    model.save(folder / "digits.keras")
    return x_test[[int(np.flatnonzero(y_test == digit)[0]) for digit in range(SHOWN)]]


def command(*arguments: object) -> None:
    """Run a command of deeplift-tf in this process, and show what would be typed in a shell."""
    from deeplift_tf.cli.commands import commands

    words = [str(argument) for argument in arguments]
    print(f"\n$ deeplift-tf {' '.join(words)}")
    try:
        commands(words)
    except SystemExit as end:  # how every command ends
        if end.code:
            raise


def draw(folder: Path) -> None:
    """Draw every digit above its heat map, on one scale, with what the model reads and the delta."""
    import deeplift_tf as dl
    from deeplift_tf import plots
    from deeplift_tf.plots.figure import pyplot

    x = np.load(folder / "digits.npy")
    with h5py.File(folder / "scores.h5") as file:
        contributions, delta = file["contributions"][:], file["delta"][:]
    network = dl.convert(folder / "digits.keras")
    report = network.check(x)  # with the model as Keras runs it
    print(f"largest difference to Keras's own predictions, relative: {report.prediction_error:.2g}")
    probabilities = network.predict(x)
    fig, axes = pyplot().subplots(2, SHOWN, figsize=(15, 3.6), layout="constrained")
    for ax, image, p in zip(axes[0], x, probabilities, strict=True):
        ax.imshow(image[..., 0], cmap="gray_r")
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"reads {p.argmax()} ({100 * p.max():.0f} %)", fontsize="medium")
    plots.heatmap(contributions, x, alpha=1, edges=True, ax=axes[1], titles=[f"delta {d:+.0e}" for d in delta])
    fig.suptitle("Which pixels make the network read this digit: red speaks for it, blue against it")
    fig.savefig(folder / "digits.png", dpi=110)


def main() -> None:
    """Train, score, draw."""
    from deeplift_tf.cli.quiet import import_tensorflow

    import_tensorflow()
    FOLDER.mkdir(exist_ok=True)
    np.save(FOLDER / "digits.npy", train(FOLDER))
    model, x, scores = FOLDER / "digits.keras", FOLDER / "digits.npy", FOLDER / "scores.h5"
    command("inspect", model)
    options = ("--target", "predicted", "--pre-activation", "--overwrite")
    command("score", "-m", model, "-i", x, "-o", scores, *options)
    draw(FOLDER)
    print(f"\nlook at {FOLDER / 'digits.png'}; for scores of your own: deeplift-tf plot {scores} -o picture.png")


if __name__ == "__main__":
    main()
