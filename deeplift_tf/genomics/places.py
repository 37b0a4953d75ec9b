"""Regions against a genome, looked at before TensorFlow starts: whether any can be scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deeplift_tf.errors import InputError
from deeplift_tf.genomics.fasta import sizes_known
from deeplift_tf.genomics.regions import Region, names_differ, within


def none_inside(regions: Path, length: int, genome: Path, cause: str) -> InputError:
    """Return the exception for regions none of which can be scored."""
    of = f" of length {length}" if length > 1 else ""
    return InputError(f"{regions}: no region{of} lies inside of the chromosomes of {genome}{cause}")


def check_places(regions: Path, windows: Sequence[Region], genome: Path) -> None:
    """Refuse regions none of which lies in a genome; only of one that has an index already.

    Raises
    ------
    InputError
    """
    sizes = sizes_known(genome)
    kept, dropped = within(windows, sizes) if sizes else (windows, [])
    if not kept:
        raise none_inside(regions, windows[0].end - windows[0].start, genome, names_differ(dropped, sizes))
