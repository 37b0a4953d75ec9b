"""References that are arrays, values, blurs and other examples."""

from __future__ import annotations

import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.errors import ReferencesError

IMAGES = np.random.default_rng(0).normal(size=(5, 12, 9, 3)).astype(np.float32)


def test_names_say_the_arguments() -> None:
    assert str(dl.references.dinucleotide_shuffle(5)) == "dinucleotide_shuffle(count=5)"
    assert str(dl.references.another_example(IMAGES)) == "another_example"
    assert set(dl.references.REFERENCES) >= {"zeros", "blurred", "dinucleotide_shuffle"}


def test_constants_take_the_structure_of_x() -> None:
    x = {"image": IMAGES, "index": np.arange(5)}
    made = dl.references.constant(0.5)(x)
    assert (made["image"] == 0.5).all() and made["image"].dtype == np.float32
    np.testing.assert_array_equal(made["index"], x["index"])  # no float, no difference
    assert not dl.references.zeros()([IMAGES])[0].any()


def test_mean_is_streamed() -> None:
    parts = (part for part in np.split(IMAGES, [1, 3]))
    expected = IMAGES.astype(np.float64).mean(0)
    np.testing.assert_allclose(dl.references.mean(parts), expected, rtol=1e-12)
    np.testing.assert_allclose(dl.references.mean(IMAGES), expected, rtol=1e-12)
    with pytest.raises(ReferencesError, match="at least one row"):
        dl.references.mean(iter([]))


def test_channel_mean_after_preprocessing() -> None:
    def in_place(batch: np.ndarray) -> np.ndarray:
        batch *= 2
        return batch

    before = IMAGES.copy()
    made = dl.references.channel_mean(IMAGES, in_place)
    np.testing.assert_array_equal(IMAGES, before)
    assert made.shape == IMAGES.shape[1:]
    np.testing.assert_allclose(made[4, 5], 2 * IMAGES.astype(np.float64).mean((0, 1, 2)), rtol=1e-9)


def blur_matrix(size: int, radius: float) -> np.ndarray:
    """The weights of every pixel of a line in every pixel of the blurred line, mirrored about its ends."""
    reach = int(4 * radius + 0.5)
    matrix = np.zeros((size, size))
    for place in range(size):
        for offset in range(-reach, reach + 1):
            source = (place + offset) % (2 * size)
            matrix[place, min(source, 2 * size - 1 - source)] += np.exp(-0.5 * (offset / radius) ** 2)
    return matrix / matrix.sum(1, keepdims=True)


def test_blur_is_a_gaussian_mirrored_about_the_edge() -> None:
    for radius in (0.7, 3.0, 10.0):
        rows, columns = (blur_matrix(size, radius) for size in IMAGES.shape[1:3])
        expected = np.einsum("ij,njkc,lk->nilc", rows, IMAGES.astype(np.float64), columns)
        np.testing.assert_allclose(dl.references.blurred(radius)(IMAGES), expected, rtol=1e-6, atol=1e-6)
        of_lines = dl.references.blurred(radius, axes=(1,))(IMAGES.astype(np.float64))
        np.testing.assert_allclose(of_lines, np.einsum("ij,njkc->nikc", rows, IMAGES), rtol=1e-6)
    np.testing.assert_array_equal(dl.references.blurred(0)(IMAGES), IMAGES)
    flat = np.full((1, 6, 6, 2), 3.0)
    np.testing.assert_allclose(dl.references.blurred(2)(flat), flat, rtol=1e-12)
    with pytest.raises(ReferencesError, match="expected images"):
        dl.references.blurred()(IMAGES[:, 0, 0])
    with pytest.raises(ReferencesError, match="radius"):
        dl.references.blurred(-1)


def test_another_example_is_another_one() -> None:
    sampler = dl.references.another_example(IMAGES, count=4, seed=3)
    made = sampler(IMAGES)
    for row, others in zip(IMAGES, made, strict=True):
        found = {int(np.flatnonzero((each == IMAGES).all((1, 2, 3)))[0]) for each in others}
        assert len(found) == 4 and not any(np.array_equal(row, each) for each in others)
    np.testing.assert_array_equal(sampler(IMAGES[2:3])[0], made[2])
    with pytest.raises(ReferencesError, match="at least 5 examples besides the row; received 4"):
        dl.references.another_example(IMAGES, count=5)(IMAGES)
    with pytest.raises(ReferencesError, match="examples of shape"):
        dl.references.another_example(IMAGES[:, :2])(IMAGES)


def test_background_sample() -> None:
    made = dl.references.background_sample(IMAGES, 3, seed=1)
    assert made.shape == (1, 3, *IMAGES.shape[1:])
    assert len({each.tobytes() for each in made[0]} & {each.tobytes() for each in IMAGES}) == 3
    with pytest.raises(ReferencesError, match="from 1 to 5"):
        dl.references.background_sample(IMAGES, 6)
