from __future__ import annotations

import signal
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deeplift_tf.cli.errors import Commands, described, terminable
from deeplift_tf.errors import DeepLiftError, InputError
from tests.support.command_line import interruptible, run


class ResourceExhaustedError(Exception):
    pass


def failing(error: BaseException) -> Commands:
    @click.group(cls=Commands)
    def group() -> None:
        pass

    @group.command()
    @click.option("--debug", is_flag=True)
    def fail(debug: bool) -> None:
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (InputError("x.npy: expected\n  this"), "x.npy: expected this", 2),
        (click.UsageError("no such option"), "no such option", 2),
        (PermissionError(13, "Permission denied", "x.npy"), "[Errno 13] Permission denied: 'x.npy'", 2),
        (KeyboardInterrupt(), "interrupted", 130),
        (MemoryError(), "out of memory; try a smaller --batch-size", 1),
        (ResourceExhaustedError("OOM when"), "out of memory; try a smaller --batch-size", 1),
        (IndexError("list"), "unexpected IndexError: list (--debug shows where)", 1),
    ],
)
def test_an_exception_becomes_one_line(error: BaseException, line: str, code: int) -> None:
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.stderr.strip() == f"error: {line}"
    assert result.stdout == ""
    assert result.exit_code == code


def test_debug_shows_the_exception() -> None:
    result = CliRunner().invoke(failing(InputError("x")), ["fail", "--debug"])
    assert isinstance(result.exception, InputError)


@pytest.mark.parametrize(
    ("number", "line", "code"), [(signal.SIGINT, "interrupted; kept", 130), (signal.SIGTERM, "terminated; kept", 143)]
)
def test_an_interruption_that_became_another_exception(number: signal.Signals, line: str, code: int) -> None:
    """C code that is interrupted may say so by a SystemError, and a reader of files by one of its own."""
    with interruptible():
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        with pytest.raises(KeyboardInterrupt) as caught, terminable():
            try:
                signal.raise_signal(number)
            except KeyboardInterrupt as error:
                other = InputError("m.h5: expected an HDF5 file")
                other.__notes__ = ["kept"]
                raise other from error
        assert described(caught.value) == (line, code)
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As nohup has it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with terminable():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_warning_is_one_line() -> None:
    @click.group(cls=Commands)
    def group() -> None:
        pass

    @group.command()
    def warn() -> None:
        warnings.simplefilter("always")
        warnings.warn("take\ncare", UserWarning, stacklevel=1)

    result = CliRunner().invoke(group, ["warn"])
    assert result.stderr == "warning: take care\n"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a command: demo, doctor, export"),
        (["scor"], "No such command 'scor'"),
        (["score"], "Missing option '-m'"),
        (["inspect"], "Missing argument 'MODEL...'"),
        (["inspect", "none.keras"], "'none.keras' does not exist"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.h5"], "x.npy: no such file"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.h5", "--workers", "8"], "--workers is for --engine ray"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.h5", "--control", "zeros"], "--control is for DNA, a FASTA"),
        (["score", "-m", ".", "-i", "x.fa", "-o", "s", "-g", "g.fa"], "regions (-r) and a genome (-g) go together"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.npz"], "expected an output file ending in .h5"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.h5", "--target", "a"], "expected an index like 3"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.h5", "--rule", "lrp"], "'lrp' is no rule; choose from rescale"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.h5", "--batch-size", "0"], "0 is not in the range"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.h5", "--weights", "w.h5"], "'w.h5' does not exist"),
        (["score", "-m", ".", "-i", "x.npy", "-o", "s.h5", "--seed", "-1"], "-1 is not in the range x>=0"),
        (
            ["score", "-m", ".", "-i", "x.npy", "-o", "s.h5", "--target", "1", "--targets", "0,1"],
            "give either --target",
        ),
    ],
)
def test_mistakes_that_are_seen_before_a_model_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deeplift_tf.cli.quiet.import_tensorflow", lambda: pytest.fail("TensorFlow was imported"))
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("x.h5", "the output would replace the input: x.h5"),
        ("./m.h5", "the output would replace the model: m.h5"),
        ("r.h5", "the output would replace the references: r.h5"),
        (".", "the output would replace the model: m.h5"),
    ],
)
def test_what_is_read_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("m.h5", "x.h5", "r.h5"):
        Path(name).write_text(name)
    result = run("score", "-m", "m.h5", "-i", "x.h5", "--references", "mean:r.h5", "-o", out, "--overwrite")
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {n: n for n in ("m.h5", "x.h5", "r.h5")}


def test_memory_that_runs_out_while_scoring_is_a_failure_not_a_mistake() -> None:
    error = InputError("scoring: out of memory")
    error.__cause__ = ResourceExhaustedError("OOM when")
    assert described(error) == ("out of memory; try a smaller --batch-size", 1)


@pytest.mark.parametrize(
    ("neutral", "expected"),
    [
        ("try `batch_size=16`", "try --batch-size 16"),
        ("start over with `resume=False`", "start over with --restart"),
        ("give `stranded=True` or `stranded=False`", "give --stranded or --unstranded"),
        ('`on_error` was "skip"', '--on-error was "skip"'),
        ("`no_option=3`, `deeplift-tf inspect`", "`no_option=3`, `deeplift-tf inspect`"),
        ("`overwrite=True` to replace a`b", "--overwrite to replace a`b"),
    ],
)
def test_arguments_in_backticks_become_options(neutral: str, expected: str) -> None:
    """The library names arguments as Python does; the command line shows its options."""
    assert described(DeepLiftError(neutral)) == (expected, 2)
