"""Images: an explanation of transfer learning, and four references for it

A network that was trained for one task is used for another: its convolutions stay, and only a new head learns. Which
parts of a picture does the new head use? The pictures are crops of the two photographs that come with scikit-learn, so
that nothing is downloaded. It needs the extras `images` and `examples`, and takes a minute or so.
"""

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from sklearn.datasets import load_sample_images

import deeplift_tf as dl

SIDE = 48
CLASSES = ("temple", "flower")
photographs = [image.astype("float32") / 255 for image in load_sample_images().images]
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)


# %%
def crops(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random crops, which photograph each is of, and from which eighth of both it comes."""
    of = rng.integers(0, 2, count)
    tops, lefts = (rng.integers(0, size - SIDE, count) for size in photographs[0].shape[:2])
    made = [photographs[p][top : top + SIDE, left : left + SIDE] for p, top, left in zip(of, tops, lefts, strict=True)]
    return np.stack(made), of, 4 * of + 2 * (tops > 190) + (lefts > 296)


x, labels, regions = crops(2000)
new, of_new, regions_of_new = crops(300)

# %% [markdown]
# ## A first task
#
# The base learns from which eighth of the two photographs a crop comes.

# %%
layers = keras.layers
base = keras.Sequential(
    [
        keras.Input((SIDE, SIDE, 3)),
        layers.Conv2D(16, 5, strides=2, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, activation="relu", name="last_convolution"),
    ],
    name="base",
)
head = [layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(8)]
first_task = keras.Sequential([keras.Input((SIDE, SIDE, 3)), base, *head])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
first_task.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
first_task.fit(x, regions, epochs=10, verbose=0)
print(f"{100 * first_task.evaluate(new, regions_of_new, verbose=0)[1]:.0f} % of new crops are placed (13 % by chance)")

# %% [markdown]
# ## A second task on the same base
#
# The base is frozen; a new head tells the two photographs apart. The classifier is a model inside a model, as with
# any base of `keras.applications`.

# %%
base.trainable = False
pictures = keras.Input((SIDE, SIDE, 3), name="pictures")
hidden = layers.Flatten()(layers.MaxPooling2D(2)(base(pictures)))
classifier = keras.Model(pictures, layers.Dense(2, activation="softmax")(hidden))
classifier.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
classifier.fit(x, labels, epochs=5, verbose=0)
print(f"{100 * classifier.evaluate(new, of_new, verbose=0)[1]:.0f} % of new crops are told apart")

# %% [markdown]
# ## What is it compared with?
#
# A contribution belongs to a difference from a reference. Four crops with much to see, against four references:

# %%
order = np.argsort(-new.std((1, 2, 3)))
chosen = np.array([*order[of_new[order] == 0][:2], *order[of_new[order] == 1][:2]])
shown, wanted = new[chosen], of_new[chosen]
network = dl.convert(classifier)
score = network.compile()
references = {"black": 0.0, "mean": dl.references.mean(x), "blurred": dl.references.blurred(4), "white": 1.0}
question = {"target": wanted, "pre_activation": True, "mean_normalised": True}
for name, reference in references.items():
    scores = score(shown, reference, **question)
    titles = [f"{CLASSES[label]}, against {name}" for label in wanted]
    dl.plots.heatmap(scores.contributions, shown, alpha=0.8, percentile=98, titles=titles)

# %% [markdown]
# Black asks what bright parts do, white what dark parts do; the blurred picture keeps the colours and asks about
# details. One crop with its reference and its contributions, larger:

# %%
blurred = dl.references.blurred(4)(shown)
scores = score(shown, blurred, **question)
_ = dl.plots.side_by_side(scores.contributions[0], shown[0], blurred[0], size=3.0)

# %% [markdown]
# ## A reference on which the classifier has no opinion
#
# For black, the classifier may already be sure of one class. `uniform_output` changes a start as little as it can
# until all classes are equally likely, so that contributions explain the whole of the prediction.

# %%
start = np.zeros((SIDE, SIDE, 3), "float32")
found = dl.references.uniform_output(network, start)
before_and_after = np.stack([start, found.reference.reshape(start.shape)])
_ = dl.plots.before_after(before_and_after, classifier.predict(before_and_after, verbose=0), CLASSES)

# %%
scores = score(shown, found, **question)
_ = dl.plots.heatmap(scores.contributions, shown, alpha=0.8, percentile=98, titles=[CLASSES[label] for label in wanted])

# %% [markdown]
# ## Grad-CAM, and pictures as bright as their scores
#
# Grad-CAM explains the last convolution and is coarse. Its maps are never negative, so the scale starts at zero.

# %%
maps = dl.methods.grad_cam(network, shown, target=wanted)
print(maps.label)
_ = dl.plots.heatmap(maps.contributions, shown, alpha=0.6)

# %%
_ = dl.plots.scaled_image(score(shown, blurred, **question).contributions[2], shown[2])
