"""Locks of open files, which end with the process that holds them, however that ends."""

from __future__ import annotations

import os
from importlib import import_module

WINDOWS = os.name == "nt"
FAR = 2**31 - 2
"""Position of the byte that Windows locks: far behind the end, as what is locked there cannot be read by others."""


def lock(file: int) -> None:
    """Lock a file for this process alone, if no other has done so.

    Parameters
    ----------
    file : int
        Descriptor.

    Raises
    ------
    BlockingIOError
        If another process holds the lock.
    OSError
        If the file system has no locks.
    """
    if WINDOWS:
        _lock_a_byte(file)
    else:
        fcntl = import_module("fcntl")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_a_byte(file: int) -> None:
    msvcrt = import_module("msvcrt")
    here = os.lseek(file, 0, os.SEEK_CUR)
    os.lseek(file, FAR, os.SEEK_SET)
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except PermissionError as error:  # what Windows calls a lock of another process
        raise BlockingIOError(error.errno, error.strerror) from error
    finally:
        os.lseek(file, here, os.SEEK_SET)
