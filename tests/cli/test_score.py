from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf.io.scores_h5 import CHECKSUM
from deeplift_tf.runs import request
from deeplift_tf.runs.identity import essential
from tests.support.command_line import interruptible, run, with_options

ROWS = 50


def score(files: Path, out: Path, *more: object, model: str = "one.keras", x: str = "x.npy") -> dict[str, np.ndarray]:
    """Score a file and return the arrays of the output."""
    result = run("score", *with_options(("-m", files / model, "-i", files / x, "-o", out), *more))
    assert result.exit_code == 0, result.stderr
    return arrays_of(out)


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[:]} if isinstance(item, h5py.Dataset) else {}))
    return found


def refused(files: Path, out: Path, *more: object, model: str = "one.keras", x: object = "x.npy") -> str:
    """Return the one line that a command ends in; nothing is left behind."""
    result = run("score", "-m", files / model, "-i", files / str(x), "-o", out, *more)
    assert result.exit_code == 2, result.output
    *progress, line = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert not [each for each in progress if "Traceback" in each]
    assert not out.exists()
    assert not list(out.parent.glob("*.partial*"))
    return line


def close(received: np.ndarray, expected: np.ndarray) -> None:
    # float32, and batches of another size may be summed in another order
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_the_file_equals_one_call_of_the_library(files: Path, tmp_path: Path) -> None:
    found = score(files, tmp_path / "s.h5", "--batch-size", 16, "--multipliers", "--hypothetical", "--target", 1)
    compiled = dl.convert(files / "one.keras").compile()
    scores = compiled(np.load(files / "x.npy"), references=0.0, target=1, hypothetical=True)
    assert set(found) == {"contributions", "multipliers", "hypothetical", "outputs", "reference_outputs", "delta"}
    for name in set(found) - {"delta"}:
        close(found[name], getattr(scores, name))
    assert found["contributions"].shape == (ROWS, 12, 4)
    assert np.abs(found["delta"]).max() < 1e-5 * np.abs(found["outputs"] - found["reference_outputs"]).max()


def test_arithmetic_compiled_by_xla_gives_the_same(files: Path, tmp_path: Path) -> None:
    plain, compiled = (score(files, tmp_path / name, *xla) for name, xla in (("p.h5", []), ("x.h5", ["--jit-compile"])))
    for name in ("contributions", "outputs", "reference_outputs"):
        close(compiled[name], plain[name])


def test_long_runs_are_compiled_unless_told_otherwise(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "COMPILED_FROM", 4)
    size = ROWS // 4
    cases = {
        "long.h5": (["--batch-size", size], True),
        "short.h5": (["--batch-size", size + 1], False),
        "told.h5": (["--batch-size", size, "--no-jit-compile"], False),
        "shard.h5": (["--batch-size", size, "--shard", "1/2"], True),  # as the whole run, of which it has a part
        "other.h5": (["--batch-size", size, "--method", "gradient"], False),
    }
    for name, (options, compiled) in cases.items():
        score(files, tmp_path / name, *options)
        with h5py.File(tmp_path / name) as file:
            assert json.loads(file.attrs["arguments"])["jit_compile"] is compiled, name


def test_the_old_word_for_compiling_still_works_and_warns(files: Path, tmp_path: Path) -> None:
    old = run("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", tmp_path / "old.h5", "--xla")
    assert old.exit_code == 0
    assert "warning: --xla is now --jit-compile; the old form goes in version 2.0" in old.stderr
    with h5py.File(tmp_path / "old.h5") as file:
        assert json.loads(file.attrs["arguments"])["jit_compile"] is True
    assert "--xla" not in run("score", "--help").output


def test_two_inputs_make_groups(files: Path, tmp_path: Path) -> None:
    found = score(files, tmp_path / "s.h5", model="two.keras", x="two.npz")
    x = dict(np.load(files / "two.npz"))
    scores = dl.convert(files / "two.keras").compile()(x, references=0.0)
    for name in ("x", "dose"):
        close(found[f"contributions/{name}"], scores.contributions[name])


def test_a_link_is_followed(files: Path, tmp_path: Path) -> None:
    """As to another disk: what it leads to is replaced, and not the link."""
    (tmp_path / "far").mkdir()
    (tmp_path / "s.h5").symlink_to(tmp_path / "far" / "there.h5")
    score(files, tmp_path / "s.h5")
    score(files, tmp_path / "s.h5", "--overwrite", "--target", 1)
    assert {path.name for path in (tmp_path / "far").iterdir()} == {"there.h5", "there.h5.json"}
    assert (tmp_path / "s.h5").is_symlink()


@pytest.mark.parametrize("shape", [(12, 4), (1, 12, 4), (ROWS, 12, 4), (1, 3, 12, 4), (ROWS, 2, 12, 4)])
def test_references_from_a_file(files: Path, tmp_path: Path, shape: tuple[int, ...]) -> None:
    references = np.random.default_rng(1).normal(size=shape).astype("float32")
    np.save(tmp_path / "r.npy", references)
    found = score(files, tmp_path / "s.h5", "--references", tmp_path / "r.npy", "--batch-size", 7)
    scores = dl.convert(files / "one.keras").compile()(np.load(files / "x.npy"), references=references)
    close(found["contributions"], scores.contributions)
    assert scores.reference_outputs is not None
    close(found["reference_outputs"], scores.reference_outputs)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (["--target", "predicted"], {"target": "predicted"}),
        (["--target", "1", "--pre-activation"], {"target": 1, "pre_activation": True}),
        (["--references", "0.25", "--mean-normalised"], {"references": 0.25, "mean_normalised": True}),
        (["--output", "conv", "--target", "3,2"], {"output": "conv", "target": (3, 2)}),
    ],
)
def test_options_reach_the_library(files: Path, tmp_path: Path, options: list[str], arguments: dict[str, Any]) -> None:
    found = score(files, tmp_path / "s.h5", *options)
    scores = dl.convert(files / "one.keras").compile()(np.load(files / "x.npy"), **({"references": 0.0} | arguments))
    close(found["contributions"], scores.contributions)


def test_options_of_the_model(files: Path, tmp_path: Path) -> None:
    found = score(
        files,
        tmp_path / "s.h5",
        "--dtype",
        "float64",
        "--rule",
        "reveal_cancel",
        "--rule",
        "head=gradient",
        "--exact-only",
    )
    rules = {"default": "reveal_cancel", "head": "gradient"}
    network = dl.convert(files / "one.keras", rule=rules, dtype="float64", exact_only=True)
    close(found["contributions"], network.compile()(np.load(files / "x.npy"), references=0.0).contributions)
    assert found["contributions"].dtype == np.float64


def test_several_targets_make_groups(files: Path, tmp_path: Path) -> None:
    found = score(files, tmp_path / "s.h5", "--targets", "1,predicted", model="two.keras", x="two.npz")
    compiled, x = dl.convert(files / "two.keras").compile(), dict(np.load(files / "two.npz"))
    for label, target in {"target_1": 1, "predicted": "predicted"}.items():
        scores = compiled(x, references=0.0, target=target)
        close(found[f"contributions/{label}/dose"], scores.contributions["dose"])
        close(found[f"outputs/{label}"], scores.outputs)


def test_hidden_layers(files: Path, tmp_path: Path) -> None:
    found = score(files, tmp_path / "s.h5", "--layers", "conv")
    scores = dl.convert(files / "one.keras").compile(layers=["conv"])(np.load(files / "x.npy"), references=0.0)
    close(found["contributions/conv"], scores.contributions["conv"])


@pytest.mark.parametrize("layers", ["conv,conv", "conv,conv/linear"])
def test_layers_that_cannot_share_a_file(files: Path, tmp_path: Path, layers: str) -> None:
    assert "'conv' and what is inside it" in refused(files, tmp_path / "s.h5", "--layers", layers)


def test_arguments_and_versions_are_kept(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.h5"
    score(files, out, "--target", "1", "--rule", "gradient")
    with h5py.File(out) as file:
        kept = {name: json.loads(value) for name, value in file.attrs.items() if name != CHECKSUM}
    assert kept == essential(json.loads((tmp_path / "s.h5.json").read_text()))
    assert kept["arguments"]["target"] == 1
    assert kept["arguments"]["rule"] == "gradient"
    assert kept["arguments"]["model"] == str(files / "one.keras")
    assert {"deeplift_tf", "tensorflow", "numpy"} <= set(kept["versions"])


def test_the_last_line(files: Path, tmp_path: Path) -> None:
    command = ["score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", tmp_path / "s.h5"]
    result = run(*command)
    assert result.stdout.startswith(f"{ROWS} rows in ")
    assert "rows/s), largest delta " in result.stdout
    assert result.stdout.endswith(f"{tmp_path / 's.h5'}\n")
    again = run(*command)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "exists already; choose another name, or --overwrite" in again.stderr
    summary = json.loads(run(*command, "--overwrite", "--json").stdout)
    assert summary["rows"] == ROWS
    assert 0 <= summary["largest_delta"] < 1e-5


def test_inputs_that_do_not_fit_the_model(files: Path, tmp_path: Path) -> None:
    x = np.load(files / "x.npy")
    out = tmp_path / "out" / "s.h5"
    out.parent.mkdir()
    np.save(tmp_path / "narrow.npy", x[:, :, :3])
    np.save(tmp_path / "wide.npy", x[:9, :7])
    x[41, 2, 1] = np.nan
    np.save(tmp_path / "nan.npy", x)
    for name, message in {
        "narrow.npy": "input 'x': expected shape (None, 12, 4); received (50, 12, 3)",
        "wide.npy": "received (9, 7, 4)",
        "nan.npy": "row 41 (counted from 0) holds nan at position (2, 1)",
    }.items():
        assert message in refused(files, out, x=tmp_path / name)
    assert "received (9, 7, 4)" in refused(files, out, "--references", tmp_path / "wide.npy")
    assert "missing 'dose'" in refused(files, out, model="two.keras")


def test_models_that_cannot_be_read(files: Path, tmp_path: Path) -> None:
    for name, content in {"cut.h5": b"\x89HDF\r\n\x1a\n", "no.keras": b"no zip"}.items():
        (tmp_path / name).write_bytes(content)
        line = refused(files, tmp_path / "s.h5", model=str(tmp_path / name))
        assert name in line


def command_line(files: Path, out: Path, *more: str) -> list[str]:
    start = [sys.executable, "-m", "deeplift_tf.cli", "score"]
    return [
        *start,
        "-m",
        str(files / "one.keras"),
        *map(str, with_options(["-i", str(files / "x.npy")], *more)),
        "-o",
        str(out),
    ]


@pytest.mark.slow
def test_a_process_of_its_own(files: Path, tmp_path: Path) -> None:
    done = subprocess.run(command_line(files, tmp_path / "s.h5"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert all(" of 50 rows (" in line for line in done.stderr.splitlines()), done.stderr
    assert arrays_of(tmp_path / "s.h5")["delta"].shape == (ROWS,)


@pytest.mark.parametrize(
    ("number", "word", "code"),
    [
        pytest.param(signal.SIGINT, "interrupted", 130, marks=pytest.mark.slow),
        (signal.SIGTERM, "terminated", 143),
    ],
)
def test_a_signal_ends_in_one_line_and_the_same_command_goes_on(
    files: Path, tmp_path: Path, number: signal.Signals, word: str, code: int
) -> None:
    np.save(tmp_path / "long.npy", np.tile(np.load(files / "x.npy"), (20, 1, 1)))
    options = ["--batch-size", "1", "-i", str(tmp_path / "long.npy")]
    command = command_line(files, tmp_path / "s.h5", *options)
    with interruptible():
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    journal, end = tmp_path / "s.h5.partial.journal", time.monotonic() + 120
    while (not journal.exists() or journal.read_bytes().count(b"\n") < 3) and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    last = stderr.splitlines()[-1]
    found = re.fullmatch(rf"error: {word}; (\d+) of 1000 rows are kept; the same command goes on from there", last)
    assert found, last
    assert process.returncode == code
    assert {path.name for path in tmp_path.iterdir()} == {"long.npy", "s.h5.partial", "s.h5.partial.journal"}
    result = run(*command[3:])
    assert f"1000 rows, {found[1]} of them by an earlier run, in " in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"long.npy", "s.h5", "s.h5.json"}
    again = score(files, tmp_path / "again.h5", *options)
    for name, array in arrays_of(tmp_path / "s.h5").items():
        np.testing.assert_array_equal(array, again[name])
