"""Damaged files over all readers, in processes with limits: no traceback, no crash, no hang, no wrong prediction.

``DEEPLIFT_TF_FUZZ=3000 pytest -m slow tests/fuzz`` tries as many files; by default there are fewer.
"""

from __future__ import annotations

import json
import os
import queue
import random
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np
import pytest

from tests.conversion.readers.test_fuzz import contents as contents
from tests.fuzz.mutations import archive, damaged, hdf5, with_other_json
from tests.support.command_line import run
from tests.support.installed import exported

FILES = int(os.environ.get("DEEPLIFT_TF_FUZZ", "240"))
SEED = int(os.environ.get("DEEPLIFT_TF_FUZZ_SEED", "0"))
MOST_BYTES, MOST_SECONDS = 2_000_000_000, 60

Change = Callable[[bytes, random.Random], bytes]


class Row(NamedTuple):
    """One kind of damage: what is done with the file, which file, how it is changed, and what else is needed."""

    kind: str
    file: str
    change: Change
    arguments: Callable[[Path, Path], list[str]]


def alone(path: Path, folder: Path) -> list[str]:
    return [str(path)]


def with_weights(path: Path, folder: Path) -> list[str]:
    return [str(path), str(folder / "model.h5")]


def with_whole(path: Path, folder: Path) -> list[str]:
    return [str(path), str(folder / "track.bw")]


def as_input(path: Path, folder: Path) -> list[str]:
    return ["-m", str(folder / "model.keras"), "-i", str(path), "-o", f"{path}.out.h5"]


def as_regions(path: Path, folder: Path) -> list[str]:
    return [
        "-m",
        str(folder / "model.keras"),
        "-r",
        str(path),
        "-g",
        str(folder / "g.fa"),
        "-o",
        f"{path}.out",
        "--formats",
        "",
    ]


def as_fasta(path: Path, folder: Path) -> list[str]:
    return ["-m", str(folder / "model.keras"), "-i", str(path), "-o", f"{path}.out", "--formats", ""]


ROWS = [
    Row("model", "model.keras", damaged, alone),
    Row("model", "model.keras", archive, alone),
    Row("model", "model.keras", archive, alone),
    Row("model", "model.h5", damaged, alone),
    Row("model", "model.h5", hdf5, alone),
    Row("model", "model.json", damaged, with_weights),
    Row("model", "model.json", with_other_json, with_weights),
    Row("model", "saved/saved_model.pb", damaged, alone),
    Row("model", "saved/variables/variables.index", damaged, alone),
    Row("model", "saved/variables/variables.data-00000-of-00001", damaged, alone),
    Row("bigwig", "track.bw", damaged, with_whole),
    Row("score", "x.npz", damaged, as_input),
    Row("score", "x.npz", archive, as_input),
    Row("score", "x.npy", damaged, as_input),
    Row("score", "x.h5", damaged, as_input),
    Row("score", "x.h5", hdf5, as_input),
    Row("score", "s.fa", damaged, as_fasta),
    Row("score", "r.bed", damaged, as_regions),
    Row("plot", "scores.h5", damaged, alone),
    Row("plot", "scores.h5", hdf5, alone),
    Row("report", "scores.h5", hdf5, alone),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]) -> Path:
    """A folder with one whole file of each format."""
    folder, rng = tmp_path_factory.mktemp("fuzz"), np.random.default_rng(0)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    exported(keras.saving.load_model(folder / "model.keras"), folder / "saved")
    x = np.eye(4, dtype="float32")[rng.integers(0, 4, (8, 6))]
    np.save(folder / "x.npy", x)
    np.savez(folder / "x.npz", x=x)
    with h5py.File(folder / "x.h5", "w") as file:
        file["x"] = x
    letters = ["".join(row) for row in rng.choice(list("ACGT"), (8, 6))]
    (folder / "s.fa").write_text("".join(f">s{index}\n{each}\n" for index, each in enumerate(letters)))
    (folder / "g.fa").write_text(">chr1\n" + "".join(rng.choice(list("ACGT"), 60)) + "\n")
    (folder / "r.bed").write_text("".join(f"chr1\t{start}\t{start + 6}\tr{start}\t0\t+\n" for start in range(0, 48, 6)))
    result = run("score", "-m", folder / "model.keras", "-i", folder / "x.npy", "-o", folder / "scores.h5")
    assert result.exit_code == 0, result.stderr
    track = pytest.importorskip("pyBigWig").open(str(folder / "track.bw"), "w")
    track.addHeader([("chr1", 500), ("chr2", 300)])
    track.addEntries("chr1", 3, values=rng.normal(size=400).tolist(), span=1, step=1)
    track.addEntries(["chr2", "chr2"], [1, 50], ends=[7, 90], values=[1.5, 2.5])
    track.close()
    return folder


class Child:
    """A process that tries files one after another."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.fuzz.child"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                self.lines.put(line)
        self.lines.put(None)

    def ask(self, task: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return what came of one file: also that the process died, or did not answer in time."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            self.process.kill()
            return {"end": "hang", "seconds": seconds, "peak": 0}
        return json.loads(line) if line else {"end": f"died: {self.process.wait()}", "seconds": 0, "peak": 0}

    def close(self) -> None:
        """End the process, and give back what it took."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def child() -> Iterator[list[Child]]:
    """The child at work, replaced where one has died."""
    children = [Child()]
    yield children
    children[-1].close()


def prepared(row: Row, whole: Path, place: Path, rng: random.Random) -> dict[str, Any]:
    """Write a damaged file, and return what is to be done with it."""
    content = row.change((whole / row.file).read_bytes(), rng)
    place.mkdir()
    if row.file.startswith("saved/"):
        shutil.copytree(whole / "saved", place / "saved")
        (place / row.file).write_bytes(content)
        return {"kind": row.kind, "paths": row.arguments(place / "saved", whole)}
    path = place / Path(row.file).name
    path.write_bytes(content)
    return {"kind": row.kind, "paths": row.arguments(path, whole)}


def is_bad(found: dict[str, Any]) -> bool:
    good = found["end"].startswith(("refused", "done", "same", "read", "too large"))
    return not good or found["peak"] > MOST_BYTES or found["seconds"] > MOST_SECONDS


@pytest.mark.slow
def test_whole_files_are_used(whole: Path, child: list[Child], tmp_path: Path) -> None:
    """So that what is refused below is refused for its damage."""
    for index, row in enumerate(ROWS):
        kept = row._replace(change=lambda content, rng: content)
        found = child[-1].ask(prepared(kept, whole, tmp_path / str(index), random.Random(0)), 180)
        assert found["end"] in ("same predictions", "read", "done", "same values"), (row.file, found)


@pytest.mark.slow
def test_damaged_files(whole: Path, child: list[Child], tmp_path: Path) -> None:
    bad, ends = [], Counter[str]()
    for index in range(FILES):
        row, place = ROWS[index % len(ROWS)], tmp_path / "damaged"
        task = prepared(row, whole, place, random.Random(SEED * 1_000_003 + index))
        found = child[-1].ask(task, 2 * MOST_SECONDS)
        ends[f"{row.kind} {row.file}: {found['end'].split(':')[0]}"] += 1
        if is_bad(found):
            bad.append(f"{index} {row.kind} {row.file} {row.change.__name__}: {found}")
        if found["end"].startswith(("hang", "died")):
            child.pop().close()
            child.append(Child())
        shutil.rmtree(place)
    print("\n".join(f"{count:5} {end}" for end, count in sorted(ends.items())))
    assert not bad, "\n".join(bad)
