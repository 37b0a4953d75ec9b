"""Text: which words make a review a good one?

Token numbers have no meaningful difference, so what is scored are the rows of the embedding: one score for each word.
It needs the extra `plots`, and takes half a minute.
"""

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import deeplift_tf as dl

GOOD, BAD = ("wonderful", "moving", "clever", "funny"), ("dull", "clumsy", "tedious", "awful")
PARTS = ("plot", "cast", "music", "ending")
LENGTH = 16
keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)

# %% [markdown]
# ## Sentences
#
# Reviews are made from a small grammar. "not" turns a word's meaning round, so that a word by itself does not decide.


# %%
def review() -> tuple[str, bool]:
    """Return a review, and whether it speaks well of the film."""
    clauses, balance = [], 0
    for part in rng.choice(PARTS, rng.integers(1, 4), replace=False):
        good, negated = rng.random() < 0.5, rng.random() < 0.3
        clauses.append(f"the {part} was {'not ' if negated else ''}{rng.choice(GOOD if good else BAD)}")
        balance += 1 if good != negated else -1
    return (" and ".join(clauses), balance > 0) if balance else review()


reviews = [review() for _ in range(2500)]
texts, labels = [text for text, _ in reviews], np.array([good for _, good in reviews], "float32")
texts[0]

# %%
layers = keras.layers
vectorize = layers.TextVectorization(output_sequence_length=LENGTH)
vectorize.adapt(texts)
tokens = np.asarray(vectorize(texts))
model = keras.Sequential(
    [
        keras.Input((LENGTH,), dtype="int32", name="tokens"),
        layers.Embedding(vectorize.vocabulary_size(), 12, name="words"),
        layers.Conv1D(16, 2, activation="relu"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
model.fit(tokens[300:], labels[300:], epochs=6, verbose=0)
print(f"{100 * model.evaluate(tokens[:300], labels[:300], verbose=0)[1]:.0f} % of new reviews are read right")

# %% [markdown]
# ## One score for each word
#
# The reference is the empty review: padding, token 0, everywhere. `per_token` sums the contributions of an embedding
# over its width. Scores of padding against padding are zero.

# %%
shown = ["the plot was not dull and the cast was wonderful", "the music was not moving and the ending was awful"]
x = np.asarray(vectorize(shown))
scores = dl.convert(model).compile()(x, references=0, target=0, pre_activation=True)
words = scores.per_token()
scores

# %%
vmax = dl.plots.scale_of(words, 100)
for text, row in zip(shown, words, strict=True):
    split = text.split()
    dl.plots.text(split, row[: len(split)], vmax=vmax)

# %% [markdown]
# The convolution reads words in pairs, so that "was" or "not" shares the credit of the word behind it.

# %%
_ = dl.plots.bars(words[0][: len(shown[0].split())], shown[0].split(), most=10)

# %% [markdown]
# ## Which words matter over many reviews?
#
# Scores of 300 reviews, gathered by word: the summary shows the mean magnitude where a word occurs in a review or
# not.

# %%
many = dl.convert(model).compile()(tokens[:300], references=0, target=0, pre_activation=True).per_token()
vocabulary = vectorize.get_vocabulary()
by_word = np.zeros((300, len(vocabulary)))
np.add.at(by_word, (np.arange(300)[:, None], tokens[:300]), many)
_ = dl.plots.summary(by_word[:, 2:], vocabulary[2:], most=12)

# %% [markdown]
# ## As HTML
#
# In a notebook, or on a page, words can be shown as text; the score of a word shows when it is pointed at.

# %%
from IPython.display import HTML

HTML(dl.plots.text_html(shown[1].split(), words[1][: len(shown[1].split())]))
