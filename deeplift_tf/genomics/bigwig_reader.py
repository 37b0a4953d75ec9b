"""BigWig files opened as data: every offset and count is checked before it is followed, in Python and numpy alone.

Libraries of C and Rust end the process at some damaged files; see the bigWig and bigBed formats, Kent et al. 2010.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError

MAGIC, TREE_MAGIC, INDEX_MAGIC = 0x888FFC26, 0x78CA8C91, 0x2468ACE0
HEADER, TREE_HEADER, INDEX_HEADER, NODE, BLOCK = 64, 32, 48, 4, 24
"""Bytes of the headers of the file, of its list of chromosomes, of its index, of their nodes, and of a block."""

MAX_BLOCK_BYTES = BLOCK + 12 * 0xFFFF
"""Bytes of one block of values, once unpacked: it holds as many as 16 bits can count, at most 12 bytes each."""

MAX_KEY_BYTES = 4096
"""Length of a chromosome's name."""

BEDGRAPH, VARIABLE, FIXED = 1, 2, 3
"""Kinds of blocks: of intervals; of starts, and one span for all; of a first start, a step and a span."""


class BigWig:
    """A bigWig file of values along chromosomes.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    chroms : dict of str to int
        Lengths of the chromosomes.

    Raises
    ------
    InputError
        If it is no bigWig, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._file = path.open("rb")
        try:
            self._size = path.stat().st_size
            self._read_header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> BigWig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Return the values of consecutive positions, shape (end - start,); NaN where the file has none.

        Raises
        ------
        InputError
            If the blocks that hold them are damaged.
        """
        values = np.full(end - start, np.nan, np.float32)
        number = self._numbers[chrom]
        after = (self._leaves["first_chrom"] < number) | (
            (self._leaves["first_chrom"] == number) & (self._leaves["first"] < end)
        )
        before = (self._leaves["last_chrom"] > number) | (
            (self._leaves["last_chrom"] == number) & (self._leaves["last"] > start)
        )
        for leaf in self._leaves[after & before]:
            starts, ends, found = self._block(leaf, number)
            read = (starts < end) & (ends > start)
            first, last = np.maximum(starts[read], start) - start, np.minimum(ends[read], end) - start
            counts = last - first
            values[np.repeat(last - counts.cumsum(), counts) + np.arange(counts.sum())] = np.repeat(found[read], counts)
        return values

    def _read_header(self) -> None:
        head = self._bytes(0, HEADER)
        self._order = next((order for order in "<>" if struct.unpack(f"{order}I", head[:4])[0] == MAGIC), "")
        if not self._order:
            raise self._damaged("the number that every bigWig starts with is not there")
        _, _, _, chroms, _, index, _, _, _, _, unpacked, _ = struct.unpack(f"{self._order}IHHQQQHHQQIQ", head)
        self._unpacked = min(unpacked, MAX_BLOCK_BYTES)
        found = dict(self._chromosomes(chroms))
        self.chroms = {name: length for name, (_, length) in found.items()}
        self._numbers = {name: number for name, (number, _) in found.items()}
        self._leaves = self._index(index)

    def _chromosomes(self, at: int) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield name, number and length of each chromosome, from the tree that lists them."""
        magic, _, key, value, count, _ = self._unpack("IIIIQQ", at, TREE_HEADER)
        if magic != TREE_MAGIC or not 0 < key <= MAX_KEY_BYTES or value != 8:
            raise self._damaged("its list of chromosomes")
        found: dict[str, tuple[int, int]] = {}
        for leaf, node in self._nodes(at + TREE_HEADER, key + 8, key + 8):
            kind = np.dtype([("name", f"S{key}"), ("number", f"{self._order}u4"), ("length", f"{self._order}u4")])
            for item in np.frombuffer(node, kind) if leaf else ():
                found[item["name"].decode("utf-8", "replace")] = int(item["number"]), int(item["length"])
        if len(found) != count or len({number for number, _ in found.values()}) != count:
            raise self._damaged(f"its list of chromosomes: {count} were to be found, {len(found)} are there")
        yield from found.items()

    def _index(self, at: int) -> np.ndarray:
        """Return the leaves of the index: where the blocks lie, and what they cover."""
        magic, _, count, *_ = self._unpack("IIQIIIIQII", at, INDEX_HEADER)
        if magic != INDEX_MAGIC:
            raise self._damaged("its index")
        names = ("first_chrom", "first", "last_chrom", "last")
        places = [(name, f"{self._order}u4") for name in names]
        kind = np.dtype([*places, ("at", f"{self._order}u8"), ("size", f"{self._order}u8")])
        nodes = [node for leaf, node in self._nodes(at + INDEX_HEADER, kind.itemsize, kind.itemsize - 8) if leaf]
        leaves = np.frombuffer(b"".join(nodes), kind)
        native = leaves.astype(kind.newbyteorder("=")).astype([(name, "i8") for name in kind.names or ()])
        self._check_leaves(native, count)
        return native

    def _check_leaves(self, leaves: np.ndarray, count: int) -> None:
        """Refuse an index whose blocks lie outside of the file, or are not in order."""
        known = list(self._numbers.values())
        inside = (leaves["at"] >= 0) & (leaves["size"] >= 0) & (leaves["at"] + leaves["size"] <= self._size)
        chroms = np.isin(leaves["first_chrom"], known) & np.isin(leaves["last_chrom"], known)
        same = leaves["first_chrom"] == leaves["last_chrom"]
        forward = np.where(same, leaves["first"] < leaves["last"], leaves["first_chrom"] < leaves["last_chrom"])
        order = leaves["first_chrom"] * (1 << 32) + leaves["first"]
        if not (
            len(leaves) == count
            and inside.all()
            and leaves["size"].sum() <= self._size
            and chroms.all()
            and forward.all()
            and (np.diff(order) >= 0).all()
        ):
            raise self._damaged("its index: blocks are missing, out of order, or outside of the file")

    def _nodes(self, at: int, leaf_bytes: int, branch_bytes: int) -> Iterator[tuple[bool, bytes]]:
        """Yield the items of every node of a tree, each node once."""
        left, seen, unread = [at], set[int](), self._size
        while left:
            place = left.pop()
            if place in seen:
                raise self._damaged("a tree that leads back to itself")
            seen.add(place)
            is_leaf, _, count = self._unpack("BBH", place, NODE)
            items = self._bytes(place + NODE, count * (leaf_bytes if is_leaf else branch_bytes))
            unread -= len(items)
            if unread < 0:  # nodes that lie over one another make far more bytes than the file has
                raise self._damaged("a tree whose nodes overlap")
            yield bool(is_leaf), items
            if not is_leaf:
                starts = range(branch_bytes - 8, len(items), branch_bytes)
                left += [struct.unpack_from(f"{self._order}Q", items, start)[0] for start in reversed(starts)]

    def _block(self, leaf: Any, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return starts, ends and values of a block, none of them where it is of another chromosome."""
        data = self._bytes(int(leaf["at"]), int(leaf["size"]))
        if self._unpacked:
            data = self._inflated(data)
        if len(data) < BLOCK:
            raise self._damaged("a block without a header")
        chrom, first, last, step, span, kind, _, count = struct.unpack_from(f"{self._order}IIIIIBBH", data)
        within = leaf["first_chrom"] <= chrom <= leaf["last_chrom"]
        if not within or (chrom == leaf["first_chrom"] and first < leaf["first"]):
            raise self._damaged("a block that is not the one in the index")
        if chrom == leaf["last_chrom"] and last > leaf["last"]:
            raise self._damaged("a block that is longer than in the index")
        starts, ends, values = self._items(data[BLOCK:], kind, count, first, step, span)
        apart = (starts < ends).all() and (starts[1:] >= ends[:-1]).all()
        if count and not (apart and starts[0] >= first and ends[-1] <= last):
            raise self._damaged("a block of values out of order")
        kept = slice(None) if chrom == number else slice(0)
        return starts[kept], ends[kept], values[kept]

    def _items(
        self, data: bytes, kind: int, count: int, first: int, step: int, span: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return starts, ends and values of the items of a block."""
        fields = {BEDGRAPH: ["start", "end", "value"], VARIABLE: ["start", "value"], FIXED: ["value"]}.get(kind)
        if fields is None:
            raise self._damaged(f"a block of the unknown kind {kind}")
        items = np.dtype([(name, f"{self._order}{'f4' if name == 'value' else 'u4'}") for name in fields])
        if len(data) < count * items.itemsize:
            raise self._damaged("a block that is cut short")
        found = np.frombuffer(data, items, count)
        starts = first + step * np.arange(count) if kind == FIXED else found["start"].astype(np.int64)
        ends = found["end"].astype(np.int64) if kind == BEDGRAPH else starts + span
        return starts, ends, found["value"].astype(np.float32)

    def _inflated(self, data: bytes) -> bytes:
        unpacker = zlib.decompressobj()
        try:
            found = unpacker.decompress(data, self._unpacked + 1)
        except zlib.error as error:
            raise self._damaged(f"a block that cannot be unpacked, {error}") from error
        if len(found) > self._unpacked or not unpacker.eof:
            raise self._damaged("a block that unpacks to another size than the file says")
        return found

    def _unpack(self, form: str, at: int, size: int) -> tuple[Any, ...]:
        return struct.unpack(self._order + form, self._bytes(at, size))

    def _bytes(self, at: int, size: int) -> bytes:
        if at + size > self._size:
            raise self._damaged(f"bytes {at} to {at + size} are read, and the file has {self._size}")
        with self._lock:
            self._file.seek(at)
            found = self._file.read(size)
        if len(found) < size:
            raise self._damaged("it ends early")
        return found

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self.path}: expected a bigWig that is whole; found otherwise: {what}. Get a fresh copy")
