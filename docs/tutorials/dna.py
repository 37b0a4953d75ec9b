"""DNA: from a model to its motif

A network learns to find a binding site in random sequences. Nobody tells it what the site looks like; the scores of its
predictions do. It needs the extras `plots`, and takes half a minute.
"""

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import deeplift_tf as dl

LENGTH, MOTIF = 100, "TGACTCA"  # the site of AP-1
keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)

# %% [markdown]
# ## Sequences with and without the site
#
# Half of the sequences hold the site once, at a random place and on the forward strand, with each base right in nine
# of ten cases.

# %%
codes = rng.choice(4, (3000, LENGTH), p=(0.3, 0.2, 0.2, 0.3))
labels = (rng.random(len(codes)) < 0.5).astype("float32")
places = rng.integers(10, LENGTH - 20, len(codes))
site = np.array(["ACGT".index(letter) for letter in MOTIF])
for row in np.flatnonzero(labels):
    right = rng.random(len(site)) < 0.9
    codes[row, places[row] : places[row] + len(site)] = np.where(right, site, rng.integers(0, 4, len(site)))
x = np.eye(4, dtype="float32")[codes]

# %%
layers = keras.layers
model = keras.Sequential(
    [
        keras.Input((LENGTH, 4)),
        layers.Conv1D(16, 9, activation="relu"),
        layers.MaxPooling1D(4),
        layers.Conv1D(16, 3, activation="relu"),
        layers.GlobalMaxPooling1D(),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
model.fit(x[500:], labels[500:], epochs=15, batch_size=64, verbose=0)
print(f"{100 * model.evaluate(x[:500], labels[:500], verbose=0)[1]:.0f} % of new sequences are right")

# %% [markdown]
# ## Scores against shuffled sequences
#
# The reference should be a sequence without a site that is like x otherwise. Shuffles that keep the neighbouring
# pairs of bases are the usual choice; the mean over ten of them is steadier than one. The rule `genomics_default` is
# that of the original DeepLIFT for DNA: RevealCancel behind dense layers, Rescale behind convolutions.

# %%
network = dl.convert(model, rule="genomics_default")
positive = np.flatnonzero(labels[:500])[:200]
shown, where = x[positive], places[positive]
scores = network.compile()(
    shown, dl.references.dinucleotide_shuffle(10), target=0, pre_activation=True, hypothetical=True
)
scores

# %%
best_row = int(np.argmax(scores.outputs))
planted = [(int(where[best_row]), int(where[best_row]) + len(MOTIF), "planted")]
_ = dl.plots.logo(scores.contributions[best_row], shown[best_row], highlight=planted)

# %% [markdown]
# The letters with high scores are those of the site. Hypothetical contributions say, at each position, what each of
# the four letters would be worth with the same multipliers:

# %%
start, end = planted[0][0] - 5, planted[0][1] + 5
_ = dl.plots.logo(scores.hypothetical[best_row], start=start, end=end)

# %% [markdown]
# ## From scores to a motif
#
# TF-MoDISco clusters the stretches of high scores of many sequences (`modisco`, see [DNA](../dna.md)). Here one motif
# was planted, so its essence is enough: take the best stretch of each sequence and average.

# %%
width = len(MOTIF)
sums = np.stack([np.convolve(each, np.ones(width), "valid") for each in scores.contributions.sum(-1)])
best = sums.argmax(1)
found = np.mean(best == where)
print(f"the best stretch is the planted site in {100 * found:.0f} % of the sequences")
stretches = np.stack([shown[index, at : at + width] for index, at in enumerate(best)])
frequencies = stretches.mean(0)
print("consensus:", "".join("ACGT"[letter] for letter in frequencies.argmax(1)), "planted:", MOTIF)

# %%
information = frequencies * (2 + (frequencies * np.log2(frequencies + 1e-9)).sum(-1, keepdims=True))
_ = dl.plots.logo({"bits": information}, title="information of the best stretches")

# %% [markdown]
# ## What would a mutation do?
#
# In-silico mutagenesis asks the network itself about every single change: 300 predictions for a sequence of 100. It
# agrees with the hypothetical contributions where the network is close to linear. Dots mark the letters that are
# there.

# %%
mutations = dl.methods.in_silico_mutagenesis(network, shown[best_row : best_row + 1], target=0, pre_activation=True)
_ = dl.plots.letter_map(mutations.hypothetical[0], shown[best_row], start=start, end=end)
