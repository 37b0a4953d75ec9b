from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeplift_tf.errors import OutputFileError
from deeplift_tf.io.scores_h5 import CHECKSUM, ScoresWriter, places_in

ARRAYS = {
    "contributions/a": np.random.default_rng(0).normal(size=(10, 3, 2)).astype("float32"),
    "contributions/b": np.arange(10.0),
    "delta": np.arange(10, dtype="float16"),
    "empty": np.zeros((10, 0, 3)),
    "letters": np.arange(20, dtype=np.int8).reshape(10, 2),
}
METADATA = {"arguments": {"target": [3, 0], "model": "m.keras"}, "versions": {"numpy": "2"}}


def write(path: Path, batch: int = 4, rows: int = 10, start: int = 0, stop: int = 10) -> None:
    with ScoresWriter(path, rows, METADATA, start) as writer:
        for first in range(start, stop, batch):
            writer.append({name: array[first : min(first + batch, stop)] for name, array in ARRAYS.items()})


def check(path: Path) -> None:
    with h5py.File(path) as file:
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(file[name][:], array)
            assert file[name].dtype == array.dtype
        assert {name: json.loads(value) for name, value in file.attrs.items() if name != CHECKSUM} == METADATA


def test_the_file_holds_what_was_appended(tmp_path: Path) -> None:
    write(tmp_path / "s.h5")
    check(tmp_path / "s.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["s.h5"]


def test_batches_and_interruptions_do_not_show_in_the_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", batch=3)
    write(tmp_path / "b.h5", batch=5)
    for start, stop in ((0, 4), (4, 8), (8, 10)):
        if stop < 10:
            with pytest.raises(OutputFileError, match=f"only {stop} were written"):
                write(tmp_path / "c.h5", start=start, stop=stop)
        else:
            write(tmp_path / "c.h5", start=start, stop=stop)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes() == (tmp_path / "c.h5").read_bytes()


def test_the_file_can_be_read_at_any_time(tmp_path: Path) -> None:
    """As after SIGKILL: nothing waits in the memory of the process."""
    with pytest.raises(KeyError), ScoresWriter(tmp_path / "s.h5", 10, METADATA) as writer:
        writer.append({name: array[:4] for name, array in ARRAYS.items()})
        with h5py.File(tmp_path / "s.h5") as file:
            for name, array in ARRAYS.items():
                np.testing.assert_array_equal(file[name][:4], array[:4])
        raise KeyError
    assert set(places_in(tmp_path / "s.h5")) == set(ARRAYS)


def test_too_few_rows_are_not_passed_off_as_whole(tmp_path: Path) -> None:
    with pytest.raises(OutputFileError, match="expected 11 rows; only 10 were written"):
        write(tmp_path / "s.h5", rows=11)


@pytest.mark.parametrize(
    "arrays",
    [
        {"delta": np.zeros(3)},
        {"delta": np.zeros((3, 2), "float32")},
        {"other": np.zeros(3, "float32")},
        {"delta": np.zeros(8, "float32")},
    ],
)
def test_arrays_that_do_not_fit_those_before(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(OutputFileError, match="expected 7 rows or fewer of"), ScoresWriter(tmp_path / "s", 10) as file:
        file.append({"delta": np.zeros(3, "float32")})
        file.append(arrays)


def test_a_file_that_hdf5_cannot_read_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "s.h5").write_bytes(b"cut")
    with pytest.raises(OutputFileError, match="expected scores that were being written"):
        write(tmp_path / "s.h5", start=4)


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
        monkeypatch.setattr(os, "pwrite", full_disk)
        writer.append({"delta": np.zeros(4)})


def full_disk(*_: object) -> None:
    raise OSError("No space left on device")
