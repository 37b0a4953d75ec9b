"""FASTA files, compressed by bgzip or not, read piece by piece."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from deeplift_tf.errors import InputError
from deeplift_tf.genomics.regions import read_sizes
from deeplift_tf.optional import require

TWO_BIT = bytes.fromhex("1a412743")
"""What a 2bit file begins with, in one order of bytes or the other."""


class Fasta:
    """An open FASTA file.

    Parameters
    ----------
    path : Path
    reader : pyfaidx.Fasta

    Attributes
    ----------
    sizes : mapping of str to int
        Length of every sequence, in the order of the file.
    """

    def __init__(self, path: Path, reader: Any) -> None:
        self.path, self._reader = path, reader
        self.sizes: Mapping[str, int] = {name: record.rlen for name, record in reader.faidx.index.items()}

    def fetch(self, name: str, start: int = 0, end: int | None = None) -> str:
        """Return letters of a sequence.

        Parameters
        ----------
        name : str
        start, end : int
            Counted from 0, end excluded; within the sequence.
        """
        end = self.sizes[name] if end is None else end
        return str(self._reader.faidx.fetch(name, start + 1, end)) if end > start else ""


@contextmanager
def open_fasta(path: Path) -> Iterator[Fasta]:
    """Open a FASTA file; an index is made beside it, or, where its folder cannot be written to, for the time being.

    Parameters
    ----------
    path : Path
        Files ending in .gz must be compressed by bgzip.

    Yields
    ------
    Fasta

    Raises
    ------
    InputError
        The file is missing or not FASTA.
    MissingExtraError
        If pyfaidx is not installed.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    check_genome(path)
    pyfaidx = require("pyfaidx", "genomics")
    compressed = path.suffix.lower() in (".gz", ".bgz")
    if compressed:
        require("Bio.bgzf", "genomics")
    with ExitStack() as stack:
        folder = path.parent
        try:
            if not indexed(path, folder, compressed):
                if not os.access(folder, os.W_OK):
                    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                make_index(pyfaidx, path, folder)
            reader = pyfaidx.Fasta(str(path), as_raw=True, **index_names(path, folder))
            found = Fasta(path, stack.enter_context(reader))
        except (
            pyfaidx.FastaIndexingError,
            pyfaidx.UnsupportedCompressionFormat,
            ValueError,
            UnicodeDecodeError,
            RuntimeError,  # of empty lines between sequences, for example
        ) as error:
            raise InputError(f"{path}: expected FASTA, or FASTA compressed by bgzip; {error}") from error
        if not found.sizes:
            raise InputError(f"{path}: expected FASTA; found no sequence in it")
        yield found


def check_genome(path: Path) -> None:
    """Refuse forms of a genome that cannot be read piece by piece as FASTA, and say how they become FASTA.

    Raises
    ------
    InputError
    """
    with path.open("rb") as file:
        head = file.read(18)
    stem = path.name.rpartition(".")[0]
    if head[:4] in (TWO_BIT, TWO_BIT[::-1]):
        raise InputError(
            f"{path}: a 2bit file; expected FASTA: UCSC's twoBitToFa {path} {path.with_name(stem)}.fa converts it"
        )
    if head[:2] == b"\x1f\x8b" and not (head[3] & 4 and head[12:14] == b"BC"):
        raise InputError(
            f"{path}: is plain gzip, in which no place can be looked up; expected FASTA, or FASTA compressed by bgzip: "
            f"gunzip -c {path} > {path.with_name(stem)} converts it"
        )


def indexed(path: Path, folder: Path, compressed: bool) -> bool:
    """Whether the index of a file lies in a folder, and is not older than the file."""
    there = [Path(name) for name in index_names(path, folder).values()][: 1 + compressed]
    return all(each.is_file() and each.stat().st_mtime >= path.stat().st_mtime for each in there)


def sizes_known(path: Path) -> dict[str, int]:
    """Return the length of every sequence of a file that has an index beside it; nothing of one that has none."""
    if not indexed(path, path.parent, path.suffix.lower() in (".gz", ".bgz")):
        return {}
    return read_sizes(Path(index_names(path, path.parent)["indexname"]))


def make_index(pyfaidx: Any, path: Path, folder: Path) -> None:
    """Make the index of a file, which appears when it is whole: jobs that start together do not read half of one."""
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", dir=folder) as new:
        pyfaidx.Faidx(str(path), **index_names(path, Path(new))).close()
        for made in Path(new).iterdir():
            made.replace(folder / made.name)


def index_names(path: Path, folder: Path) -> dict[str, str]:
    """Return the names of the two parts of an index; the second is for compressed files."""
    return {"indexname": str(folder / f"{path.name}.fai"), "gzi_indexname": str(folder / f"{path.name}.gzi")}
