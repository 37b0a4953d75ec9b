from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deeplift_tf.errors import InputError
from deeplift_tf.images import image_paths, image_rows, read_image
from tests.support.command_line import run

pillow = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of 6 x 8, two PNG and one JPEG, and a file that is none."""
    rng = np.random.default_rng(0)
    made = tmp_path / "pictures"
    made.mkdir()
    for name in ("b.png", "a.PNG"):
        pillow.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).save(made / name, format="png")
    pillow.fromarray(np.full((6, 8), 130, np.uint8)).save(made / "c.jpeg")
    (made / "text.txt").write_text("no picture")
    return made


def test_pictures_come_in_the_order_of_their_names(folder: Path) -> None:
    assert [path.name for path in image_paths(folder)] == ["a.PNG", "b.png", "c.jpeg"]
    rows = image_rows(folder, (None, 6, 8, 3))
    assert rows.shape == (3, 6, 8, 3)
    np.testing.assert_array_equal(rows[slice(1, 2)][0], np.asarray(pillow.open(folder / "b.png"), np.float32))
    np.testing.assert_allclose(rows[slice(2, 3)], 130, atol=2)  # JPEG


def test_pictures_are_brought_to_the_size_and_channels_of_the_model(folder: Path) -> None:
    assert image_rows(folder, (None, 3, 4, 1))[slice(0, 2)].shape == (2, 3, 4, 1)
    assert image_rows(folder, (None, None, None, 3)).shape == (3, 6, 8, 3)
    grey = read_image(folder / "c.jpeg", (12, 4), 1)
    assert grey.shape == (12, 4, 1)
    np.testing.assert_allclose(grey, 130, atol=2)


def test_preprocessing(folder: Path) -> None:
    plain = image_rows(folder, (None, 6, 8, 3))[slice(0, 3)]
    np.testing.assert_allclose(image_rows(folder, (None, 6, 8, 3), "unit")[slice(0, 3)], plain / 255)
    rows = image_rows(folder, (None, 6, 8, 3), "mobilenet_v2")
    np.testing.assert_allclose(rows[slice(0, 3)], plain / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(rows.pictures(slice(0, 3)), plain)
    own = image_rows(folder, (None, 6, 8, 3), lambda pictures: pictures - 7)
    np.testing.assert_array_equal(own[slice(0, 3)], plain - 7)


@pytest.mark.parametrize("name", ["resnet51", "__name__"])
def test_a_name_that_is_no_preprocessing(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"expected one of .*resnet50.*; received"):
        image_rows(folder, (None, 6, 8, 3), name)


def test_what_is_no_picture(folder: Path, tmp_path: Path) -> None:
    (folder / "a.PNG").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(InputError, match=r"a\.PNG: expected a PNG or JPEG picture"):
        image_rows(folder, (None, 6, 8, 3))[slice(0, 1)]
    with pytest.raises(InputError, match="no such file"):
        image_paths(tmp_path / "no.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected pictures"):
        image_paths(tmp_path / "empty")
    with pytest.raises(InputError, match="expected a model of input shape"):
        image_rows(folder, (None, 30, 4))


def test_a_folder_of_pictures_is_scored_and_drawn(folder: Path, tmp_path: Path) -> None:
    import h5py
    import keras

    import deeplift_tf as dl

    image = pytest.importorskip("matplotlib.image")
    layers = keras.layers
    stack = [keras.Input((6, 8, 3)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(2)]
    keras.Sequential(stack).save(tmp_path / "m.keras")
    command = ("score", "-m", tmp_path / "m.keras", "-i", folder, "-o", tmp_path / "s.h5", "--preprocess", "unit")
    result = run(*command, "--references", "blurred:1")
    assert result.exit_code == 0, result.stderr
    x = image_rows(folder, (None, 6, 8, 3), "unit")[slice(0, 3)]
    scores = dl.convert(tmp_path / "m.keras").compile()(x, references=dl.references.blurred(1))
    with h5py.File(tmp_path / "s.h5") as file:
        # float32; one convolution more or less in a batch changes the last digits
        np.testing.assert_allclose(file["contributions"][:], scores.contributions, rtol=1e-4, atol=1e-6)
    result = run("plot", tmp_path / "s.h5", "-o", tmp_path / "p.png")
    assert result.exit_code == 0, result.stderr
    assert image.imread(tmp_path / "p.png")[..., :3].std() > 0.05


@pytest.mark.parametrize("name", ["resnet50", "unit", "no_such_module"])
def test_preprocessing_of_what_is_no_picture_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    import keras

    keras.Sequential([keras.Input((6, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", np.zeros((2, 6, 8, 3), np.float32))
    command = ("score", "-m", tmp_path / "m.keras", "-o", tmp_path / "s.h5", "--preprocess", name)
    for given in (tmp_path / "x.npy", tmp_path / "x.fa"):
        result = run(*command, "-i", given)
        assert (result.exit_code, "--preprocess is for pictures" in result.stderr) == (2, True), result.stderr
    result = run(*command, "-i", tmp_path / "x.npy", "--references", f"channel-mean:{folder}")  # these are pictures
    assert (result.exit_code, "expected one of" in result.stderr) == (
        (2, True) if name == "no_such_module" else (0, False)
    )
    result = run("score", "-m", tmp_path / "m.keras", "-o", tmp_path / "t.h5", "-i", folder, "--dataset", "x")
    assert (result.exit_code, "--dataset is for arrays in a file" in result.stderr) == (2, True), result.stderr
