"""Peak memory: of one thing in a process of its own, and of TensorFlow's tensors alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def resident(kind: str) -> int:
    """Return the bytes that this process holds: VmRSS, or VmHWM, the most it has held."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {kind}: memory is measured on Linux alone")


def peak(call: Callable[[], Any]) -> int:
    """Return how many bytes the process held at most while it called, above what it held before.

    The same as the growth of ru_maxrss, but that the mark is set back first: making the model may have held more.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def held(call: Callable[[], Any]) -> int | None:
    """Return how many bytes TensorFlow's tensors took at most during a call, above what they took before.

    TensorFlow's own count: what a process holds is more, since TensorFlow keeps what it frees. None where it does not
    count, as without oneDNN.
    """
    import tensorflow as tf

    memory = tf.config.experimental
    try:
        before = memory.get_memory_info("CPU:0")["current"]
    except ValueError:
        return None
    memory.reset_memory_stats("CPU:0")
    call()
    return memory.get_memory_info("CPU:0")["peak"] - before
