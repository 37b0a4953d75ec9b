"""DNA from end to end: simulate, train, save, score by every rule, rank the planted bases, draw the logos.

    python examples/genomics.py [folder]

Sequences of 120 bases hold up to three sites each of GATA1 and TAL1, as in the simulation of the DeepLIFT paper; a
small model learns three tasks, both motifs, GATA1, TAL1. Output in the folder genomics/: model.keras and
model.h5 (the form of old Keras), sequences.fa, ranking.txt and logos.png.
"""

from __future__ import annotations

import logging
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

# before TensorFlow starts: the model is too small for a graphics card
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

LENGTH, TRAINED, SCORED = 120, 6000, 200
TASKS = ("both", "GATA1", "TAL1")
# the share of the consensus letter at each position; the others share the rest
CONSENSUS = {
    "GATA1": ("AGATAAGA", (0.6, 0.95, 0.97, 0.97, 0.97, 0.9, 0.8, 0.6)),
    "TAL1": ("CAGATGG", (0.95, 0.97, 0.7, 0.7, 0.97, 0.95, 0.6)),
}
METHODS = ("rescale", "reveal_cancel", "genomics_default", "gradient_times_input", "integrated_gradients")


def pwm(name: str) -> np.ndarray:
    """Return the frequencies of A, C, G, T at each position of a motif, shape (length, 4)."""
    letters, shares = CONSENSUS[name]
    rows = [
        [share if base == letter else (1 - share) / 3 for base in "ACGT"]
        for letter, share in zip(letters, shares, strict=True)
    ]
    return np.array(rows)


def simulate(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sequences, their labels for each task, and what was planted where.

    Returns
    -------
    x : np.ndarray, shape (count, LENGTH, 4)
    labels : np.ndarray, shape (count, 3)
    planted : np.ndarray, shape (count, LENGTH), int
        1 and 2 for the bases of the two motifs, 0 for the others.
    """
    codes = rng.choice(4, (count, LENGTH), p=(0.3, 0.2, 0.2, 0.3))
    planted = np.zeros((count, LENGTH), int)
    present = rng.random((count, 2)) < 0.5
    for row in range(count):
        slots = list(rng.permutation(LENGTH // 10 - 1))
        for motif, (name, there) in enumerate(zip(CONSENSUS, present[row], strict=True), 1):
            for _ in range(rng.integers(1, 4) if there else 0):
                start = 10 * slots.pop() + rng.integers(0, 3)
                site = [rng.choice(4, p=frequencies) for frequencies in pwm(name)]
                codes[row, start : start + len(site)] = site
                planted[row, start : start + len(site)] = motif
    labels = np.column_stack([present.all(1), present])
    return np.eye(4, dtype=np.float32)[codes], labels.astype(np.float32), planted


def train(folder: Path, x: np.ndarray, labels: np.ndarray) -> None:
    """Train a model and save it in today's format and in that of old Keras."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((LENGTH, 4), name="sequence"),
            layers.Conv1D(24, 11, activation="relu", name="motifs"),
            layers.MaxPooling1D(5, name="pool"),
            layers.Conv1D(24, 5, activation="relu", name="context"),
            layers.Flatten(name="flat"),
            layers.Dense(24, activation="relu", name="hidden"),
            layers.Dense(len(TASKS), activation="sigmoid", name="tasks"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy", metrics=["binary_accuracy"])
    model.fit(x[SCORED:], labels[SCORED:], epochs=12, batch_size=128, verbose=0)
    print(f"trained: {100 * model.evaluate(x[:SCORED], labels[:SCORED], verbose=0)[1]:.1f} % of new labels are right")
    model.save(folder / "model.keras")
    logging.getLogger("absl").setLevel("ERROR")  # it says that the next format is old; that is what it is for
    model.save(folder / "model.h5")


def write_fasta(path: Path, x: np.ndarray) -> None:
    """Write sequences for the command line."""
    from deeplift_tf.genomics import letters_of

    path.write_text("".join(f">sequence_{row}\n{letters}\n" for row, letters in enumerate(letters_of(x))))


def score_all(model: Path, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the contribution of every position to the task "both" by each method, shape (N, LENGTH)."""
    import deeplift_tf as dl

    network = dl.convert(model)
    found: dict[str, np.ndarray] = {}
    for name in METHODS:
        asked: dict[str, Any] = {"references": dl.references.uniform_frequencies(), "target": 0, "pre_activation": True}
        if name in ("rescale", "reveal_cancel", "genomics_default"):
            scores = dl.methods.deeplift(network, x, rule=name, **asked)
        elif name == "gradient_times_input":
            scores = dl.methods.gradient_times_input(network, x, **(asked | {"references": None}))
        else:
            scores = dl.methods.integrated_gradients(network, x, **asked)
        found[name] = scores.contributions.sum(-1)
    return found


def table(scores: dict[str, np.ndarray], planted: np.ndarray) -> str:
    """Return how well each method ranks the planted bases of a sequence above the others.

    Two figures, means over sequences: the chance that a planted base scores higher than another (AUROC), and the share
    of planted bases among as many of the highest scores.
    """
    from sklearn.metrics import roc_auc_score

    lines = [f"{'method':<22}{'AUROC':>8}{'in the top':>12}"]
    for name, values in scores.items():
        area = np.mean([roc_auc_score(truth, row) for truth, row in zip(planted, values, strict=True)])
        top = np.mean(
            [truth[np.argsort(-row)[: truth.sum()]].mean() for truth, row in zip(planted, values, strict=True)]
        )
        lines.append(f"{name:<22}{area:>8.3f}{top:>12.3f}")
    return "\n".join(lines)


def draw(path: Path, scores: dict[str, np.ndarray], x: np.ndarray, planted: np.ndarray) -> None:
    """Draw one sequence by every method, the planted sites on a coloured ground under the names of their motifs."""
    from deeplift_tf import plots

    names, edges = ("", *CONSENSUS), np.flatnonzero(np.diff(np.r_[0, planted, 0]))
    sites = [(int(start), int(end), names[planted[start]]) for start, end in pairwise(edges) if planted[start]]
    tracks = {name.replace("_", "\n", 1): values[:, None] * x for name, values in scores.items()}
    fig, _ = plots.logo(tracks, highlight=sites, title="contributions to the logit of 'both', by method")
    fig.savefig(path, dpi=90)


def main() -> None:
    """Simulate, train, score, rank and draw."""
    from deeplift_tf.cli.quiet import import_tensorflow

    import_tensorflow()
    import keras

    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "genomics")
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(0)
    x, labels, planted = simulate(TRAINED + SCORED, np.random.default_rng(0))
    train(folder, x, labels)
    both = np.flatnonzero(labels[:SCORED, 0])
    x, planted = x[both], planted[both]
    write_fasta(folder / "sequences.fa", x)
    scores = score_all(folder / "model.h5", x)
    text = table(scores, planted > 0)
    (folder / "ranking.txt").write_text(text + "\n")
    print(f"\n{len(both)} sequences with both motifs, contributions to the task 'both':\n{text}")
    draw(folder / "logos.png", {name: values[0] for name, values in scores.items()}, x[0], planted[0])
    print(f"\nlook at {folder / 'logos.png'}; files for TF-MoDISco:")
    print(f"deeplift-tf score -m {folder}/model.h5 -i {folder}/sequences.fa --references dinucleotide-shuffle:20 \\")
    print(f"    --rule genomics_default --targets 0,1,2 --pre-activation -o {folder}/out")
    print(f"deeplift-tf plot {folder}/out/scores.h5 -o {folder}/targets.png --rows 0:3")


if __name__ == "__main__":
    main()
