"""First five minutes: train a digit reader, score what it looks at, and see it.

    python examples/quickstart.py

A small Keras network learns scikit-learn's 1,797 handwritten digits, is saved like any other model, and is scored from
its file. Output in the folder quickstart/: digits.keras, the model; digits.npy, the rows that were scored;
scores.h5, their scores; and digits.png, the digits with their heat maps. `deeplift-tf demo` does the same with digits
that it draws itself, and needs no scikit-learn.
"""

from __future__ import annotations

import os
from pathlib import Path

# before TensorFlow starts: the model is too small for a graphics card
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

FOLDER = Path("quickstart")


def main() -> None:
    """Train, score, draw."""
    from deeplift_tf.cli.commands import commands
    from deeplift_tf.cli.demo import explain_digits
    from deeplift_tf.cli.quiet import import_tensorflow

    import_tensorflow()
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = (digits.images[..., None] / 16).astype("float32")
    x, x_test, y, y_test = train_test_split(images, digits.target, test_size=0.25, random_state=0)
    explain_digits(FOLDER, (x, y), (x_test, y_test), commands)


if __name__ == "__main__":
    main()
