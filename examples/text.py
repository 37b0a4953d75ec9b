"""Text: one score per token of a classifier that starts with an Embedding.

    python examples/text.py [folder]

Sentences about films are made from a small grammar, with "not" turning a word's meaning round. Words are numbered by
TextVectorization; numbers have no difference from a reference, so the scores are those of the embedding's output,
against that of the padding, summed over its width. Output in the folder text/:
model.keras, sentences.html, sentence.png, and tokens.npy and words.txt for the command line.
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

GOOD = ("wonderful", "moving", "clever", "funny", "gripping")
BAD = ("dull", "clumsy", "predictable", "tedious", "awful")
PARTS = ("plot", "cast", "music", "ending", "dialogue")
LENGTH = 24
SHOWN = ("the plot was not dull and the cast was wonderful", "the music was not moving and the ending was awful")


def sentences(count: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Return sentences, and whether each speaks well of a film: more good than bad in it."""
    texts: list[str] = []
    labels: list[bool] = []
    while len(texts) < count:
        clauses, balance = [], 0
        for part in rng.choice(PARTS, rng.integers(1, 4), replace=False):
            good, negated = rng.random() < 0.5, rng.random() < 0.3
            word = rng.choice(GOOD if good else BAD)
            clauses.append(f"the {part} was {'not ' if negated else ''}{word}")
            balance += 1 if good != negated else -1
        if balance:
            texts.append(" and ".join(clauses))
            labels.append(balance > 0)
    return texts, np.array(labels, np.float32)


def train(tokens: np.ndarray, labels: np.ndarray, words: int) -> keras.Model:
    """Return a classifier of numbered words."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int32", name="tokens"),
            layers.Embedding(words, 12, name="words"),
            layers.Conv1D(16, 2, activation="relu", name="pairs"),
            layers.GlobalAveragePooling1D(name="average"),
            layers.Dense(1, activation="sigmoid", name="praise"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
    model.fit(tokens[300:], labels[300:], epochs=6, verbose=0)
    accuracy = model.evaluate(tokens[:300], labels[:300], verbose=0)[1]
    print(f"trained: {100 * accuracy:.1f} % of new sentences are read right")
    return model


def main() -> None:
    """Train, score, draw."""
    from deeplift_tf.cli.quiet import import_tensorflow

    import_tensorflow()
    import keras

    import deeplift_tf as dl

    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "text")
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(0)
    texts, labels = sentences(2300, np.random.default_rng(0))
    vectorize = keras.layers.TextVectorization(output_sequence_length=LENGTH)
    vectorize.adapt(texts)
    train(np.asarray(vectorize(texts)), labels, vectorize.vocabulary_size()).save(folder / "model.keras")
    score = dl.convert(folder / "model.keras").compile("words")
    scores = score(np.asarray(vectorize(list(SHOWN))), 0, pre_activation=True)
    paragraphs = []
    for text, tokens, output in zip(SHOWN, scores.per_token(), scores.outputs, strict=True):
        words = text.split()
        paragraphs.append(f"<p>logit {output:+.2f}</p>" + dl.plots.text_html(words, tokens[: len(words)]))
        print(f"{output:+.2f}  " + "  ".join(f"{w} {s:+.2f}" for w, s in zip(words, tokens, strict=False)))
    (folder / "sentences.html").write_text("<!doctype html><meta charset=utf-8>" + "\n".join(paragraphs))
    np.save(folder / "tokens.npy", np.asarray(vectorize(list(SHOWN)), np.int32))
    (folder / "words.txt").write_text("\n".join(vectorize.get_vocabulary()) + "\n")
    words = SHOWN[0].split()
    fig, _ = dl.plots.text(words, scores.per_token()[0][: len(words)], title="red: praise; blue: blame")
    fig.savefig(folder / "sentence.png", dpi=150)
    print(f"look at {folder / 'sentences.html'} and {folder / 'sentence.png'}; the same from the command line:")
    print(f"deeplift-tf score -m {folder}/model.keras -i {folder}/tokens.npy --layers words --pre-activation \\")
    print(f"    -o {folder}/scores.h5")
    print(f"deeplift-tf plot {folder}/scores.h5 --words {folder}/words.txt -o {folder}/plot.html")


if __name__ == "__main__":
    main()
