from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deeplift_tf.errors import ReferencesError
from deeplift_tf.io.deferred_references import DeferredReferences
from deeplift_tf.io.inputs import Rows
from deeplift_tf.io.reference_rows import match_references, open_references

X = np.zeros((6, 5, 4), "float32")
PATH = Path("r.npz")
BATCH = slice(2, 5)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize(("given", "number"), [("zeros", 0.0), ("0.25", 0.25), ("-1e3", -1000.0)])
def test_numbers(given: str, number: float) -> None:
    with open_references(given) as opened:
        assert opened == number and not isinstance(opened, DeferredReferences)
        assert match_references(opened, PATH, Rows(PATH, {"x": X})).read(BATCH) == number


@pytest.mark.parametrize("given", ["nan", "inf", "-inf", "missing.npy", "median", "1,2"])
def test_neither_a_number_nor_a_file(given: str) -> None:
    with pytest.raises(ReferencesError, match="expected 'zeros', a finite number or a file"), open_references(given):
        pass


@pytest.mark.parametrize(
    ("shape", "per_row"),
    [((5, 4), False), ((1, 5, 4), False), ((6, 5, 4), True), ((1, 3, 5, 4), False), ((6, 3, 5, 4), True)],
)
def test_arrays_are_cut_where_they_have_an_entry_for_each_row(
    tmp_path: Path, shape: tuple[int, ...], per_row: bool
) -> None:
    array = random(*shape)
    np.save(tmp_path / "r.npy", array)
    with open_references(str(tmp_path / "r.npy")) as opened:
        assert not isinstance(opened, DeferredReferences)
        read = match_references(opened, PATH, Rows(PATH, {"x": X})).read(BATCH)
    assert isinstance(read, np.ndarray)
    shared = array[0] if shape == (1, 5, 4) else array  # by its shape too, whatever the rows of a batch
    np.testing.assert_array_equal(read, array[BATCH] if per_row else shared)


@pytest.mark.parametrize("shape", [(4,), (5, 3), (2, 5, 4), (5, 5, 4), (7, 3, 5, 4), (6, 0, 5, 4), (1, 1, 1, 5, 4)])
def test_shapes_that_are_not_those_of_references(shape: tuple[int, ...]) -> None:
    with pytest.raises(ReferencesError, match=r"r\.npz: references of input 'x': expected shape \(5, 4\)"):
        match_references({"x": random(*shape)}, PATH, Rows(PATH, {"x": X}))


def test_several_inputs() -> None:
    rows = Rows(PATH, {"x": X, "y": X[:, 0]})
    given = {"x": random(5, 4), "y": random(6, 4)}
    read = match_references(given, PATH, rows).read(BATCH)
    assert isinstance(read, dict)
    np.testing.assert_array_equal(read["x"], given["x"])
    np.testing.assert_array_equal(read["y"], given["y"][BATCH])
    with pytest.raises(ReferencesError, match="missing 'y'"):
        match_references({"x": given["x"]}, PATH, rows)


def test_rows_that_are_not_finite_are_found_where_they_are_read() -> None:
    array = random(6, 5, 4)
    array[4, 0, 1] = np.nan
    matched = match_references({"x": array}, PATH, Rows(PATH, {"x": X}))
    matched.check_values(slice(0, 4))
    matched.check_values(slice(5, 6))
    with pytest.raises(ReferencesError, match=r"r\.npz: references of input 'x': row 4 .* holds nan at position"):
        matched.check_values(slice(3, 6))


def test_what_all_rows_share_is_looked_through_at_once() -> None:
    for array in (random(1, 6, 5, 4), random(5, 4)):
        array[..., 4, 0] = np.inf
        with pytest.raises(ReferencesError, match="holds inf at position"):
            match_references({"x": array}, PATH, Rows(PATH, {"x": X}))
