"""Runs a command, kills it, runs it again, and so on: ``python killed.py SEED TIMES OUT ARGUMENTS...``.

Prints for each kill how many rows the journal counted, and at the end lets the command finish. The processes are forks
of this one, which has imported TensorFlow already: a second each instead of eight.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import tensorflow  # noqa: F401

from deeplift_tf.cli.commands import commands


def start(arguments: list[str]) -> int:
    """Start the command in a process of its own."""
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        commands(arguments)
    except SystemExit as end:
        os._exit(int(end.code or 0))
    os._exit(1)


def ended(child: int, seconds: float) -> bool:
    """Wait for the end of a process, or kill it; whether it ended in time. Any other end than success is a failure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if status:
                sys.exit(f"the command ended with {os.waitstatus_to_exitcode(status)}")
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def rows_in(journal: Path) -> int:
    """Return how many rows are counted."""
    lines = [line for line in journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return int(json.loads(lines[-1].partition(b"\t")[0])["rows"]) if len(lines) > 1 else 0


def main(seed: int, times: int, out: Path, arguments: list[str]) -> None:
    """Run, kill, and run to the end."""
    moments = random.Random(seed)
    begin = time.monotonic()
    ended(start(arguments), 600)
    whole = time.monotonic() - begin
    out.rename(out.with_name("whole" + out.suffix))
    killed = 0
    while killed < times:
        if ended(start(arguments), moments.uniform(0, 1.1 * whole)) or out.exists():  # killed when all was done
            shutil.rmtree(out) if out.is_dir() else out.unlink()
            continue
        killed += 1
        journal = out.with_name(out.name + ".partial.journal")
        print(rows_in(journal) if journal.exists() else 0, flush=True)
    if not out.exists():
        ended(start(arguments), 600)


main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
