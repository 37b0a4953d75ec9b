from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeplift_tf.errors import InputError
from deeplift_tf.io.inputs import Rows, open_arrays, select

X = np.random.default_rng(0).normal(size=(23, 5, 4)).astype("float32")
SHAPE = {"x": (None, 5, 4)}


def saved(folder: Path, ending: str) -> Path:
    path = folder / f"x{ending}"
    if ending == ".npy":
        np.save(path, X)
    elif ending == ".npz":
        np.savez(path, x=X)
    elif ending == ".compressed.npz":
        np.savez_compressed(path, x=X)
    else:
        with h5py.File(path, "w") as file:
            file["x"] = X
    return path


@pytest.mark.parametrize("ending", [".npy", ".npz", ".compressed.npz", ".h5", ".hdf5"])
def test_slices_are_those_of_the_array(tmp_path: Path, ending: str) -> None:
    with open_arrays(saved(tmp_path, ending)) as arrays:
        (array,) = arrays.values()
        assert array.shape == X.shape
        assert array.dtype == X.dtype
        for rows in (slice(0, 7), slice(7, 14), slice(21, 28), slice(3, 5), slice(23, 30)):  # also back to the start
            np.testing.assert_array_equal(array[rows], X[rows])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_of_several_arrays_are_read_in_any_order(tmp_path: Path, save: Callable[..., None]) -> None:
    """As a shard or a run that goes on reads them; the rows are longer than what is read ahead."""
    x = np.arange(4 * 50_000, dtype=np.float32).reshape(4, -1)
    save(tmp_path / "x.npz", a=x, b=-x[:, :3], c=x + 1)
    with open_arrays(tmp_path / "x.npz") as arrays:
        for row in (2, 3, 0, 1, 3):
            np.testing.assert_array_equal(arrays["a"][row : row + 1], x[row : row + 1])
            np.testing.assert_array_equal(arrays["b"][row : row + 1], -x[row : row + 1, :3])
            np.testing.assert_array_equal(arrays["c"][row : row + 1], x[row : row + 1] + 1)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float16", ">f8", "int64"])
def test_npz_dtypes(tmp_path: Path, dtype: str) -> None:
    x = (X > 0).astype(dtype)
    np.savez(tmp_path / "x.npz", x=x)
    with open_arrays(tmp_path / "x.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"][slice(2, 9)], x[2:9])
        assert arrays["x"].dtype == x.dtype


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_only_the_rows_asked_for_are_read(tmp_path: Path, ending: str) -> None:
    large = np.zeros((4000, 1000), "float32")  # 16 MB
    np.save(tmp_path / "large.npy", large)
    np.savez(tmp_path / "large.npz", x=large)
    with open_arrays(tmp_path / f"large{ending}") as arrays:
        tracemalloc.start()
        for start in range(0, 4000, 10):
            Rows(tmp_path, arrays).read(slice(start, start + 10))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("copies", "message"), [(1, "array 'x': expected an array"), (1000, "array 'x': damaged before row 23000")]
)
def test_a_damaged_member_says_so(tmp_path: Path, copies: int, message: str) -> None:
    x, path = np.repeat(X, copies, axis=0), tmp_path / "x.npz"
    np.savez(path, x=x)
    data = bytearray(path.read_bytes())
    data[data.find(X[20].tobytes())] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=message), open_arrays(path) as arrays:
        rows = Rows(path, arrays)
        rows.check(SHAPE)
        rows.check_values()


@pytest.mark.parametrize("ending", [".npy", ".npz", ".compressed.npz", ".h5"])
def test_bytes_that_have_changed_are_numbers_or_an_error_that_names_the_file(tmp_path: Path, ending: str) -> None:
    path, rng = saved(tmp_path, ending), np.random.default_rng(0)
    content, errors = path.read_bytes(), 0
    for _ in range(200):
        data = bytearray(content)
        edge = min(300, len(data))  # where a file says what is in it
        place = rng.choice([rng.integers(len(data)), rng.integers(edge), len(data) - 1 - rng.integers(edge)])
        data[place] = rng.integers(256)
        path.write_bytes(bytes(data))
        try:
            with open_arrays(path) as arrays:
                for array in arrays.values():
                    if len(array.shape) == 3:
                        array[slice(3, 7)]
        except InputError as error:
            assert str(error).startswith(str(path))
            errors += 1
    assert errors > 10


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", b"", "expected an array saved by numpy"),
        ("x.npy", b"PK\x05\x06" + b"\0" * 18, "expected an array saved by numpy; the magic string is not correct"),
        ("x.npy", b"\x93NUMPY\x03\x00", "expected an array saved by numpy"),
        ("x.npz", b"no archive", "expected an .npz archive"),
        ("x.h5", b"no HDF5", "expected an HDF5 file"),
        ("x.fa", b">a\nACGT", r"expected a file ending in .npy, .npz, .h5 or .hdf5; received 'x.fa'"),
    ],
)
def test_files_that_are_not_what_they_should_be(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message), open_arrays(tmp_path / name):
        pass


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"), open_arrays(tmp_path / "x.npy"):
        pass


def test_truncated_npy(tmp_path: Path) -> None:
    path = saved(tmp_path, ".npy")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="cut short; expected 1968 bytes, found 1960"), open_arrays(path):
        pass


def test_python_objects_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.array([{}, {}], dtype=object))
    with pytest.raises(InputError, match="received Python objects"), open_arrays(tmp_path / "x.npz"):
        pass


def test_fortran_order(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.asfortranarray(X))
    with pytest.raises(InputError, match="ascontiguousarray"), open_arrays(tmp_path / "x.npy"):
        pass


def test_select() -> None:
    path, arrays = Path("f.h5"), {"a": X, "g/b": X[:2]}
    assert select(arrays, ["a"], path)["a"] is arrays["a"]
    assert select(arrays, ["x"], path, "g/b")["x"] is arrays["g/b"]
    assert select({"other": X}, ["x"], path)["x"] is X
    assert list(select(arrays, ["g/b", "a"], path)) == ["g/b", "a"]
    with pytest.raises(InputError, match=r"f\.h5: expected one array, or one named 'x'.*found 'a', 'g/b'"):
        select(arrays, ["x"], path)
    with pytest.raises(InputError, match="no array is named 'c'; found 'a', 'g/b'"):
        select(arrays, ["x"], path, "c")
    with pytest.raises(InputError, match="missing 'c'"):
        select(arrays, ["a", "c"], path)
    with pytest.raises(InputError, match="received the one name 'a'"):
        select(arrays, ["a", "c"], path, "a")
    with pytest.raises(InputError, match="found none"):
        select({}, ["x"], path)
    with pytest.raises(InputError, match="and 5 more"):
        select({str(i): X for i in range(15)}, ["x"], path)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:, :, :3], r"f\.npy: input 'x': expected shape \(None, 5, 4\); received \(23, 5, 3\)"),
        (X[0], r"received \(5, 4\); a single row needs a first axis of length 1"),
        (X[:, 0], r"received \(23, 4\)$"),
        (X[:0], "expected rows to score; received none"),
        (X.astype("S1"), "expected real numbers; received dtype"),
        (X.astype(complex), "expected real numbers; received dtype"),
    ],
)
def test_rows_that_do_not_fit(x: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Rows(Path("f.npy"), {"x": x}).check(SHAPE)


def test_numbers_of_rows_differ() -> None:
    with pytest.raises(InputError, match=r"as many rows for every input; received \{'x': 23, 'y': 22\}"):
        Rows(Path("f.npz"), {"x": X, "y": X[:22]}).check(SHAPE | {"y": (None, 5, 4)})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_named(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    monkeypatch.setattr("deeplift_tf.arrays.rows.SLICE_BYTES", 3 * X[0].nbytes)  # the row is in a later slice
    x = X.copy()
    x[17, 3, 0] = x[20] = value
    with pytest.raises(InputError, match=rf"row 17 \(counted from 0\) holds {value} at position \(3, 0\)"):
        Rows(Path("f.npy"), {"x": x}).check_values()
    with pytest.raises(InputError, match="row 20 "):
        Rows(Path("f.npy"), {"x": x}).check_values(slice(18, 23))
    Rows(Path("f.npy"), {"x": x}).check_values(slice(0, 17))


def test_bad_rows_are_named_and_zeros_stand_in_their_place() -> None:
    x, y = X.copy(), np.ones((23, 2), np.float32)
    x[17, 3, 0], y[15, 1] = np.nan, np.inf
    read, bad = Rows(Path("f.npz"), {"x": x, "y": y}).read_good(slice(14, 20))
    assert bad == {1: "input 'y' holds inf at position (1,)", 3: "input 'x' holds nan at position (3, 0)"}
    assert isinstance(read, dict)
    for name, array in {"x": x, "y": y}.items():
        assert not read[name][[1, 3]].any()
        np.testing.assert_array_equal(read[name][[0, 2, 4, 5]], array[[14, 16, 18, 19]])


def test_free_dimensions_and_several_inputs() -> None:
    rows = Rows(Path("f.npz"), {"x": X, "ids": np.arange(23)})
    rows.check({"x": (None, None, 4), "ids": (None,)})
    read = rows.read(slice(4, 6))
    assert isinstance(read, dict)
    np.testing.assert_array_equal(read["ids"], [4, 5])
