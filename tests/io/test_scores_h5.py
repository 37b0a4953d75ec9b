from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.scores_h5 import ScoresWriter, check_output

ARRAYS = {
    "contributions/a": np.random.default_rng(0).normal(size=(10, 3, 2)).astype("float32"),
    "contributions/b": np.arange(10.0),
    "delta": np.arange(10, dtype="float32"),
}
METADATA = {"arguments": {"target": [3, 0], "model": "m.keras"}, "versions": {"numpy": "2"}}


def write(path: Path, batch: int = 4, rows: int = 10, overwrite: bool = False) -> None:
    with ScoresWriter(path, rows, METADATA, overwrite) as writer:
        for start in range(0, 10, batch):
            writer.append({name: array[start : start + batch] for name, array in ARRAYS.items()})
            assert not path.exists() or overwrite


def test_the_file_holds_what_was_appended(tmp_path: Path) -> None:
    write(tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5") as file:
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(file[name][:], array)
            assert file[name].dtype == array.dtype
        assert {name: json.loads(value) for name, value in file.attrs.items()} == METADATA
    assert json.loads((tmp_path / "s.h5.json").read_text()) == METADATA
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.h5", "s.h5.json"]


def test_batches_do_not_show_in_the_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", batch=3)
    write(tmp_path / "b.h5", batch=3)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), ScoresWriter(tmp_path / "s.h5", 10) as writer:
        writer.append({"delta": np.zeros(3)})
        raise error
    assert not list(tmp_path.iterdir())


def test_too_few_rows_are_not_passed_off_as_whole(tmp_path: Path) -> None:
    with pytest.raises(OutputFileError, match="expected 11 rows; only 10 were written"):
        write(tmp_path / "s.h5", rows=11)
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_kept_or_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    path.write_bytes(b"old")
    with pytest.raises(OutputFileError, match="exists already"):
        write(path)
    with pytest.raises(ValueError), ScoresWriter(path, 10, overwrite=True):
        raise ValueError
    assert path.read_bytes() == b"old"
    write(path, overwrite=True)
    assert h5py.is_hdf5(path)


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.h5").mkdir()
    for name, message in {
        "s.npz": "ending in .h5; received 's.npz'",
        "folder.h5": "this is a folder",
        "none/s.h5": "its folder does not exist",
    }.items():
        with pytest.raises(OutputFileError, match=message):
            check_output(tmp_path / name)


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    with ScoresWriter(tmp_path / "s.h5", 10) as writer:
        with pytest.raises(OutputFileError, match="is another run writing it"), ScoresWriter(tmp_path / "s.h5", 10):
            pass
        writer.append({"delta": np.zeros(10)})
    assert h5py.is_hdf5(tmp_path / "s.h5")


def test_a_disk_without_room_is_noticed_at_the_first_batch(tmp_path: Path) -> None:
    """In a process that may write 1 MB to a file: HDF5 on its own would crash it."""
    code = (
        "import resource, sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from deeplift_tf.io.scores_h5 import ScoresWriter\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))\n"
        "with ScoresWriter(Path(sys.argv[1]), 1_000_000) as writer:\n"
        "    [writer.append({'delta': np.zeros(100)}) for _ in range(10_000)]\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "s.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "OutputFileError" in done.stderr.splitlines()[-1]
    assert "s.h5: no room on the disk for 8.0 MB" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_failing_write_says_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "writing failed after 4 rows; No space"
    with pytest.raises(OutputFileError, match=message), ScoresWriter(tmp_path / "s.h5", 10) as writer:
        writer.append({"delta": np.zeros(4)})
        monkeypatch.setattr(h5py.Dataset, "__setitem__", full_disk)
        writer.append({"delta": np.zeros(4)})
    assert not list(tmp_path.iterdir())


def full_disk(*_: object) -> None:
    raise OSError("No space left on device")
