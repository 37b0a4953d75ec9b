"""Translation of exceptions into one clear line and an exit code."""

from __future__ import annotations

import logging
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click

from deeplift_tf.cli.saying import say
from deeplift_tf.cli.sections import SECTIONS
from deeplift_tf.errors import DeepLiftError, ModelFileError, UnsafeModelError, UnsupportedLayerError
from deeplift_tf.platform.signals import handled
from deeplift_tf.printable import printable

ARGUMENT = re.compile("`(?P<name>[a-z_]+)(=(?P<value>[^`]*))?`")
ARGUMENTS = {name for names in SECTIONS.values() for name in names} | {"mean"}
NEGATIVE = {"resume": "--restart", "stranded": "--unstranded"}
"""Options that are False under names of their own."""

MISTAKE, FAILURE, INTERRUPTED, TERMINATED = 2, 1, 130, 143


class Terminated(KeyboardInterrupt):
    """The process was asked to end, by SIGTERM, or by its terminal that closes."""


@contextmanager
def terminable() -> Iterator[None]:
    """Have what asks a process to end, as SIGTERM does, end what runs inside as Ctrl-C would.

    What is half done is put in order An interruption that C code has made another exception of is raised all the same.
    """
    came: list[KeyboardInterrupt] = []

    def end(number: int, _: object) -> None:
        came.append(KeyboardInterrupt() if number == signal.SIGINT else Terminated())
        raise came[-1]

    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread alone
        return
    before = {number: signal.signal(number, end) for number in handled()}
    try:
        yield
    except Exception as error:
        if came:
            came[0].__notes__ = getattr(error, "__notes__", [])
            raise came[0] from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Commands(click.Group):
    """A group of commands that ends every mistake of a user in one line on stderr and exit code 2.

    ``--debug`` anywhere among the arguments lets the exception through instead.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments apart; where there are none, say which commands there are."""
        if not args and not ctx.resilient_parsing:
            ctx.fail(f"expected a command: {', '.join(self.list_commands(ctx))}; {ctx.info_name} --help explains them")
        return super().parse_args(ctx, args)

    def main(self, args: Sequence[str] | None = None, *others: Any, **extra: Any) -> Any:  # noqa: D102
        arguments = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            with warnings.catch_warnings(), _remarks_shown():
                warnings.showwarning = _show_warning
                sys.exit(super().main(arguments, *others, **extra) or 0)
        except (Exception, KeyboardInterrupt) as error:
            if "--debug" in arguments:
                raise
            message, code = described(error)
            say(f"error: {message}", err=True)
            sys.exit(code)


def described(error: BaseException) -> tuple[str, int]:
    """Return the one line and the exit code that an exception ends a command with; its notes are part of the line."""
    if isinstance(error, click.Abort) and error.__cause__ is not None:  # what click makes of an interruption
        error = error.__cause__
    message, code = _described(error)
    return "; ".join([message, *map(_one_line, getattr(error, "__notes__", []))]), code


def _described(error: BaseException) -> tuple[str, int]:
    if isinstance(error, Terminated):
        return "terminated", TERMINATED
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    if isinstance(error, click.ClickException):
        return _one_line(error.format_message()), MISTAKE
    if isinstance(error, UnsafeModelError | UnsupportedLayerError | ModelFileError):
        return f"{_one_line(str(error))}{on_the_command_line(str(error))}", MISTAKE
    exhausted = "ResourceExhaustedError"  # TensorFlow's, which is not imported here
    if isinstance(error, MemoryError) or exhausted in (type(error).__name__, type(error.__cause__).__name__):
        return "out of memory; try a smaller --batch-size", FAILURE
    if isinstance(error, DeepLiftError | OSError):
        return _one_line(str(error)), MISTAKE
    return f"unexpected {type(error).__name__}: {_one_line(str(error))} (--debug shows where)", FAILURE


def on_the_command_line(message: str) -> str:
    """Return how the command line spells the arguments that a message of the library names."""
    options = {"safe_mode=False": "--unsafe", "custom_objects": "--custom-objects FILE.py, or the name of a module"}
    said = [f"{argument} is {option}" for argument, option in options.items() if argument in message]
    return f"; on the command line {', '.join(said)}" if said else ""


def with_options(message: str) -> str:
    """Return a message of the library with options in the place of the arguments that stand in backticks.

    Examples
    --------
    >>> with_options("expected more; give `batch_size=32` or `resume=False`, see `Score`")
    'expected more; give --batch-size 32 or --restart, see `Score`'
    """
    return ARGUMENT.sub(_option, message)


def _option(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    if name not in ARGUMENTS:
        return found[0]
    if value == "False" and name in NEGATIVE:
        return NEGATIVE[name]
    option = f"--{name.replace('_', '-')}"
    return option if value in (None, "True") else f"{option} {value}"


def _one_line(text: str) -> str:
    return printable(" ".join(with_options(text).split()))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"warning: {_one_line(str(message))}", err=True)


class _Remarks(logging.Handler):
    """Prints what the package logs, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        say(
            f"{'note' if record.levelno < logging.WARNING else 'warning'}: {with_options(record.getMessage())}",
            err=True,
        )


@contextmanager
def _remarks_shown() -> Iterator[None]:
    logger, handler = logging.getLogger("deeplift_tf"), _Remarks(logging.INFO)
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
