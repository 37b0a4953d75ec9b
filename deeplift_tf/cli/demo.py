"""``deeplift-tf demo``: a model is trained, saved, scored and drawn, with nothing but what is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from deeplift_tf.cli.drawn_digits import drawn_digits
from deeplift_tf.cli.once import Command
from deeplift_tf.cli.quiet import import_tensorflow
from deeplift_tf.cli.saying import say
from deeplift_tf.io.inputs import open_arrays
from deeplift_tf.optional import require

SHOWN = 10
DRAWN, HELD_OUT = 2000, 500  # digits


@click.command(cls=Command)
@click.option(
    "-o",
    "--out",
    default="deeplift-demo",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the model, the rows, the scores and the picture.",
)
@click.option("--debug", is_flag=True, help="On an error, show where it came from.")
def demo(out: Path, debug: bool) -> None:
    """Train a small network on digits that are drawn here, save it, score it, and draw what it looks at.

    It takes about a minute, downloads nothing, and prints the commands that it runs: they work on a model of your own.
    """
    require("matplotlib", "plots")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the model is too small for a graphics card
    import_tensorflow()
    run = click.get_current_context().find_root().command
    x, y = drawn_digits(DRAWN + HELD_OUT, seed=0)
    explain_digits(out, (x[:DRAWN], y[:DRAWN]), (x[DRAWN:], y[DRAWN:]), run)


def explain_digits(
    folder: Path,
    training: tuple[np.ndarray, np.ndarray],
    others: tuple[np.ndarray, np.ndarray],
    run: Callable[[Sequence[str]], Any],
) -> None:
    """Train on digits, score one of each that was held out from the saved model, and draw them.

    Parameters
    ----------
    folder : Path
        Receives digits.keras, the model; digits.npy, the rows that are scored; scores.h5; and digits.png.
    training, others : tuple of np.ndarray, shapes (N, height, width, 1) and (N,)
        Images and their digits.
    run : callable
        The commands of ``deeplift-tf``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model, rows, scores = folder / "digits.keras", folder / "digits.npy", folder / "scores.h5"
    train(training, others, model)
    np.save(rows, others[0][[int(np.flatnonzero(others[1] == digit)[0]) for digit in range(SHOWN)]])
    command(run, "inspect", model)
    options = ("--target", "predicted", "--pre-activation", "--overwrite")
    command(run, "score", "-m", model, "-i", rows, "-o", scores, *options)
    draw(folder)
    say(f"\nlook at {folder / 'digits.png'}; for scores of your own: deeplift-tf plot {scores} -o picture.png")


def train(training: tuple[np.ndarray, np.ndarray], others: tuple[np.ndarray, np.ndarray], path: Path) -> None:
    """Train a reader of digits, say how well it reads the others, and save it."""
    import keras

    keras.utils.set_random_seed(0)
    x, y = training
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:], name="image"),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="strokes"),
            keras.layers.Conv2D(32, 3, activation="relu", name="shapes"),
            keras.layers.MaxPooling2D(2, name="pool"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(64, activation="relu", name="hidden"),
            keras.layers.Dense(SHOWN, activation="softmax", name="digit"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=12, batch_size=32, verbose=0)
    accuracy = model.evaluate(*others, verbose=0)[1]
    say(f"trained: {100 * accuracy:.1f} % of {len(others[0])} digits it has not seen are read right")
    model.save(path)


def command(run: Callable[[Sequence[str]], Any], *arguments: object) -> None:
    """Run a command in this process, and show what would be typed in a shell."""
    words = [str(argument) for argument in arguments]
    say(f"\n$ deeplift-tf {' '.join(words)}")
    try:
        run(words)
    except SystemExit as end:  # how every command ends
        if end.code:
            raise


def draw(folder: Path) -> None:
    """Draw every digit above its heat map, on one scale, with what the model reads and the delta."""
    from deeplift_tf.conversion import convert
    from deeplift_tf.plots.figure import pyplot
    from deeplift_tf.plots.heatmap import heatmap

    x = np.load(folder / "digits.npy")
    with open_arrays(folder / "scores.h5") as arrays:
        contributions, delta = np.asarray(arrays["contributions"][:]), np.asarray(arrays["delta"][:])
    network = convert(folder / "digits.keras")
    report = network.check(x)  # with the model as Keras runs it
    say(f"largest difference to Keras's own predictions, relative: {report.prediction_error:.2g}")
    probabilities = network.predict(x)
    fig, axes = pyplot().subplots(2, len(x), figsize=(15, 3.6), layout="constrained")
    for ax, image, p in zip(axes[0], x, probabilities, strict=True):
        ax.imshow(image[..., 0], cmap="gray_r")
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"reads {p.argmax()} ({100 * p.max():.0f} %)", fontsize="medium")
    heatmap(contributions, x, alpha=1, edges=True, ax=axes[1], titles=[f"delta {d:+.0e}" for d in delta])
    fig.suptitle("Which pixels make the network read this digit: red speaks for it, blue against it")
    fig.savefig(folder / "digits.png", dpi=110)
    pyplot().close(fig)
