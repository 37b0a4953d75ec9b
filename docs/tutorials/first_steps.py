"""First steps: which pixels make a network read this digit?

This tutorial trains a small network on handwritten digits, scores its predictions, and asks whether the scores can be
trusted. It needs the extras `plots` and `examples`, and takes half a minute.
"""

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from sklearn.datasets import load_digits

import deeplift_tf as dl

digits = load_digits()
x, labels = digits.images[..., None].astype("float32") / 16, digits.target
keras.utils.set_random_seed(1)

# %% [markdown]
# ## A network to explain
#
# Any Keras model will do. This one has a convolution and two dense layers; it is trained on all digits but the last
# 200.

# %%
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:-200], labels[:-200], epochs=15, verbose=0)
print(f"right on {100 * model.evaluate(x[-200:], labels[-200:], verbose=0)[1]:.0f} % of the last 200 digits")

# %% [markdown]
# ## Scores
#
# `dl.convert` takes the model, or the name of a file that it was saved to. `compile` makes one function of it. The
# target `"predicted"` is the class with the largest output in each row; `pre_activation=True` explains what goes into
# the softmax, because a softmax near 1 hardly moves any more.

# %%
network = dl.convert(model)
network

# %%
score = network.compile()
shown = x[-200:][[1, 3, 6, 13]]
scores = score(shown, references=0, target="predicted", pre_activation=True)
scores

# %% [markdown]
# Contributions have the shape of x. Red pixels speak for the class that was read, blue ones against it. Black pixels
# that are black in the reference, too, have no difference from it and so no contribution.

# %%
_ = dl.plots.heatmap(scores.contributions, shown, alpha=1, edges=True, titles=[f"reads {c}" for c in scores.classes])

# %% [markdown]
# ## They add up
#
# The contributions of a row sum to the difference of its output from the reference's. What is missing is `delta`; it
# is rounding here, and a warning would say where it is more.

# %%
sums = scores.contributions.reshape(len(shown), -1).sum(1)
np.column_stack([scores.outputs, scores.reference_outputs, sums, scores.delta]).round(4)

# %% [markdown]
# ## Why not the gradient?
#
# Go from the empty picture (0) to the digit (1) in a straight line. The gradient changes all the way. The gradient at
# the end says what would happen next; DeepLIFT's slopes say what happened between the ends.

# %%
way = dl.evaluate.along_path(network, shown[:1], target=int(scores.classes[0]), pre_activation=True)
_ = way.plot()

# %% [markdown]
# ## Another method, another reference
#
# `dl.compare` runs several methods on the same rows. The table has the rank agreement of every two.

# %%
methods = ["rescale", "integrated_gradients", "gradient_times_input", "gradient"]
compared = dl.compare(network, shown, methods, target="predicted", pre_activation=True)
compared

# %%
_ = compared.plot(rows=[0, 1])

# %% [markdown]
# ## Can they be trusted?
#
# Erase the pixels with the highest scores first, and the output should fall fast: the area below the curve is small
# for a good method.

# %%
classes, ax = scores.classes, None
for name in ("rescale", "gradient"):
    found = dl.methods.METHODS[name](network, shown, 0.0, classes, pre_activation=True)
    curve = dl.evaluate.deletion(network, shown, 0.0, classes, scores=found, pre_activation=True)
    _, ax = curve.plot(ax, label=name)

# %% [markdown]
# Randomise the layers one after the other, and the scores should change: a map that stays the same does not depend on
# what the network has learnt. Here the signs go at once. The magnitudes stay similar, because they are multiplied by
# the difference from the reference: black pixels have none in any network.

# %%
_ = dl.evaluate.sanity_check(network, shown, references=0, target=3, pre_activation=True).plot()

# %% [markdown]
# Infidelity compares the change of the output that the scores predict for random changes of x with the one that
# happens. Near the line they agree.

# %%
_ = dl.evaluate.infidelity(network, shown, 0.0, classes, scores=scores, pre_activation=True).plot()

# %% [markdown]
# ## What next
#
# - The choice of the reference matters most: [which reference for which data](../references.md).
# - [Which method when](../choosing.md), and [what can go wrong](../pitfalls.md).
# - The same from files, without Python: `deeplift-tf score -m model.keras -i x.npy --target predicted -o scores.h5`.
