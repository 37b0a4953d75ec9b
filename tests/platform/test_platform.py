"""What Windows and macOS do differently, as far as that can be seen from here: calls that they lack are taken away."""

from __future__ import annotations

import ast
import errno
import importlib.util
import io
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from deeplift_tf.platform import descriptors, digests, locks, memory, names, signals, streams
from deeplift_tf.runs.journal import Journal, State

ROOT = Path(str(importlib.util.find_spec("deeplift_tf").origin)).parent  # type: ignore[union-attr]


class LocksOfWindows(types.ModuleType):
    """Stands in for msvcrt: one process per descriptor; a byte that is locked refuses others as Windows does."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.held: dict[tuple[int, int], int] = {}  # (inode, position): descriptor

    def locking(self, file: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        key = os.fstat(file).st_ino, os.lseek(file, 0, os.SEEK_CUR)
        if self.held.setdefault(key, file) != file:
            raise PermissionError(errno.EACCES, "Permission denied")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> LocksOfWindows:
    """Windows, as this package sees it."""
    found = LocksOfWindows()
    monkeypatch.setitem(sys.modules, "msvcrt", found)
    monkeypatch.setitem(sys.modules, "fcntl", None)  # an import of it fails
    monkeypatch.setattr(locks, "WINDOWS", True)
    monkeypatch.setattr(names, "WINDOWS", True)
    monkeypatch.setattr(names, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(names, "REMOVES_OPEN", False)
    for call in ("pwrite", "fdatasync", "sysconf"):
        monkeypatch.delattr(os, call)
    return found


def test_a_journal_on_windows(windows: LocksOfWindows, tmp_path: Path) -> None:
    """A lock behind the end, no line ends of its own, and a removal once the file is closed."""
    path = tmp_path / "scores.h5.journal"
    with Journal(path) as journal:
        journal.begin({"rows": 4})
        journal.commit(State(2, 0.5))
        assert [position for _, position in windows.held] == [locks.FAR]
        with pytest.raises(OSError, match="another run is writing this output"):
            Journal(path).__enter__()
    written = path.read_bytes()
    assert written.count(b"\n") == 2 and b"\r" not in written
    windows.held.clear()  # as locks do with their process
    with Journal(path) as journal:
        journal.read()
        assert (journal.run, journal.state.rows) == ({"rows": 4}, 2)
        journal.remove()
        assert path.exists()
    assert not path.exists()


def test_a_journal_that_another_run_has_opened_stays(
    windows: LocksOfWindows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"

    def busy(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "used by another process", str(self))

    monkeypatch.setattr(Path, "unlink", busy)
    with Journal(path):
        pass
    assert path.exists()


def test_a_file_system_without_locks(windows: LocksOfWindows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(file: int, mode: int, count: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(windows, "locking", none)
    with Journal(tmp_path / "journal") as journal:
        journal.begin({"rows": 1})


@pytest.mark.parametrize("lacking", [(), ("pwrite",), ("fdatasync",), ("pwrite", "fdatasync")])
def test_bytes_are_written_where_they_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: tuple[str, ...]
) -> None:
    """macOS has no fdatasync, Windows neither of the two."""
    for call in lacking:
        monkeypatch.delattr(os, call)
    file = descriptors.opened(tmp_path / "file", create=True)
    try:
        for offset, data in ((3, b"\r\n\x1a"), (0, b"abc"), (6, memoryview(b"xyz"))):
            assert descriptors.write_at(file, data, offset) == 3
        descriptors.sync(file)
    finally:
        os.close(file)
    assert (tmp_path / "file").read_bytes() == b"abc\r\n\x1axyz"


def test_a_rename_waits_for_a_scanner(windows: LocksOfWindows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").write_text("new", encoding="utf-8")
    (tmp_path / "old").write_text("old", encoding="utf-8")
    tries, replace = iter((True, True, False)), Path.replace

    def busy(self: Path, target: Path) -> Path:
        if next(tries):
            raise PermissionError(errno.EACCES, "used by another process")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", busy)
    names.rename(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text(encoding="utf-8") == "new"
    tries = iter((True, True, True))
    (tmp_path / "new").write_text("newer", encoding="utf-8")
    with pytest.raises(PermissionError):
        names.rename(tmp_path / "new", tmp_path / "old")


def test_a_rename_elsewhere_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waited"))
    with pytest.raises(FileNotFoundError):
        names.rename(tmp_path / "missing", tmp_path / "name")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mean:/data/x.npy", ["mean", "/data/x.npy"]),
        (r"mean:C:\data\x.npy", ["mean", r"C:\data\x.npy"]),
        (r"C:\data\x.npy", [r"C:\data\x.npy"]),
        (r"C:\a.npy,d:/b.npy", [r"C:\a.npy", "d:/b.npy"]),
        (r"background-sample:data=C:\x.npy,20", ["background-sample", "data", r"C:\x.npy", "20"]),
        ("uniform-output:start=0,steps=10", ["uniform-output", "start", "0", "steps", "10"]),
        ("", []),
    ],
)
def test_letters_of_drives_stay_with_their_paths(text: str, parts: list[str]) -> None:
    assert names.parts_of(text) == parts


def test_the_signals_that_a_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {signal.SIGINT, signal.SIGTERM} <= set(signals.ENDING)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert signal.SIGTERM not in signals.handled()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.SIGTERM in signals.handled()


def test_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_limit", lambda: None)
    monkeypatch.setattr(memory, "_physical", lambda: 2**33)
    for name, text, expected in (("none", None, 2**33), ("open", "max\n", 2**33), ("limit", f"{2**30}\n", 2**30)):
        if text is not None:
            (tmp_path / name).write_text(text, encoding="ascii")
        monkeypatch.setattr(memory, "GROUP_LIMITS", (str(tmp_path / name),))
        assert memory.memory_bytes() == expected
    monkeypatch.setattr(memory, "_limit", lambda: 2**29)
    assert memory.memory_bytes() == 2**29


def test_memory_on_windows(windows: LocksOfWindows, monkeypatch: pytest.MonkeyPatch) -> None:
    class Kernel:
        @staticmethod
        def GlobalMemoryStatusEx(status: object) -> int:  # noqa: N802
            found = status._obj  # type: ignore[attr-defined] # what byref refers to
            assert found.length == 64  # bytes, as Windows documents it
            found.total = 2**34
            return 1

    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(memory, "GROUP_LIMITS", ())
    assert memory.memory_bytes() == 1 << 62  # nothing tells
    monkeypatch.setattr("ctypes.windll", types.SimpleNamespace(kernel32=Kernel), raising=False)
    assert memory.memory_bytes() == 2**34


def test_memory_where_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)
    assert memory._physical() is None


def test_characters_that_a_console_lacks() -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", errors="strict")
    streams.show_all((console, io.StringIO(), None))
    console.write("ΔC × 2")
    console.flush()
    assert console.buffer.getvalue() == b"\\u0394C \xd7 2"


def test_digests_are_the_same_on_every_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names in a folder count with the same sign between them."""
    import hashlib

    (tmp_path / "model" / "variables").mkdir(parents=True)
    (tmp_path / "model" / "variables" / "data").write_bytes(b"123")
    assert digests.digest_of(tmp_path / "model") == hashlib.sha256(b"variables/data\x00123").hexdigest()
    assert digests.plain_digest(tmp_path / "model" / "variables" / "data") == hashlib.sha256(b"123").hexdigest()


def calls_in(source: str) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]


def writes_text_as_the_system_does(call: ast.Call) -> bool:
    """Whether a call writes text without naming its encoding and its line ends."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    modes = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    ours = "pyBigWig" not in ast.unparse(call.func)  # whose files are bytes
    opens = ours and name == "open" and any(mode in ("w", "wt", "a", "at", "x", "xt") for mode in modes)
    given = {each.arg for each in call.keywords}
    return (opens or name == "write_text") and not {"encoding", "newline"} <= given and "force_zip64" not in given


@pytest.mark.parametrize("folder", ["", "conversion"])
def test_files_are_the_same_on_every_system(folder: str) -> None:
    """Tools for BED, FASTA and VCF stumble over the line ends of Windows, readers over its encodings."""
    for path in (ROOT / folder).rglob("*.py"):
        wrong = [c.lineno for c in calls_in(path.read_text("utf-8")) if writes_text_as_the_system_does(c)]
        assert wrong == [], path


def test_what_would_differ_is_seen() -> None:
    wrong = ['path.write_text("a")', 'path.open("w", encoding="utf-8")', 'open(path, "w")']
    assert all(writes_text_as_the_system_does(call) for each in wrong for call in calls_in(each)[:1])
    right = ['path.write_text("a", encoding="utf-8", newline="\\n")', 'open(path, "wb")', 'archive.open("w.npy")']
    assert not any(writes_text_as_the_system_does(call) for each in right for call in calls_in(each)[:1])


ONLY_SOMEWHERE = ("fcntl", "msvcrt", "resource", "termios", "pwd", "grp", "winreg")


def test_modules_of_one_system_are_imported_in_platform_alone() -> None:
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        found = [
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([each.name for each in node.names] if isinstance(node, ast.Import) else [node.module])
        ]
        if path.parent.name != "platform":
            assert not set(found) & set(ONLY_SOMEWHERE), path


WITHOUT = """
import os, sys
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
for name in ("pwrite", "fdatasync", "sysconf", "fork", "getuid", "O_CLOEXEC", "statvfs"):
    if hasattr(os, name):
        delattr(os, name)
from deeplift_tf.cli.commands import commands
import deeplift_tf.runs.run, deeplift_tf.io.scores_h5, deeplift_tf.scoring.capacity
print("all is there")
"""


@pytest.mark.slow
def test_everything_imports_without_what_windows_lacks() -> None:
    import h5py  # noqa: F401 - what others import of these is theirs

    first = "import tensorflow, keras, h5py, click, rich, numpy\n"
    done = subprocess.run([sys.executable, "-c", first + WITHOUT], capture_output=True, text=True, check=False)
    assert "all is there" in done.stdout, done.stderr[-2000:]
