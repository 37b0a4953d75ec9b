"""How much memory a process may take."""

from __future__ import annotations

import ctypes
import functools
import os
from contextlib import suppress
from pathlib import Path

GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class _Status(ctypes.Structure):
    """MEMORYSTATUSEX of Windows."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_ulonglong) for name in ("total", "free", "pages", "free_pages", "virtual", "free_virtual")),
        ("extended", ctypes.c_ulonglong),
    )


def memory_bytes() -> int:
    """Return how much memory this process may take at most."""
    limits = [size for size in (_physical(), _limit(), *map(_group_limit, GROUP_LIMITS)) if size]
    return min(limits, default=1 << 62)


@functools.cache
def _group_limit(path: str) -> int | None:
    """Return the limit of the group of processes, read once: every call of a scoring function asks for it."""
    with suppress(OSError, ValueError):  # no such file, or "max"
        return int(Path(path).read_text(encoding="ascii"))
    return None


def _physical() -> int | None:
    """Return the memory of the machine; None where the system does not tell."""
    if hasattr(os, "sysconf"):
        with suppress(OSError, ValueError):  # a name that it does not know
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    windows = getattr(ctypes, "windll", None)
    if windows is None:
        return None
    status = _Status(length=ctypes.sizeof(_Status))
    return int(status.total) if windows.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def _limit() -> int | None:
    """Return the limit of this process; None where there is none, as always on Windows."""
    try:
        import resource
    except ImportError:
        return None
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if soft == resource.RLIM_INFINITY else soft
