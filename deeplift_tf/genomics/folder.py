"""The output folder of DNA scores: its files beside the scores themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deeplift_tf.genomics.bigwig import write_bigwig
from deeplift_tf.genomics.formats import write_bpnet, write_chrombpnet, write_npz
from deeplift_tf.genomics.regions import Region, write_regions, write_windows
from deeplift_tf.io.inputs import RowArray

if TYPE_CHECKING:
    from deeplift_tf.genomics.rows import SequenceRows


def write_formats(
    folder: Path,
    scores: Mapping[str, RowArray],
    labels: Sequence[str],
    sequences: SequenceRows,
    formats: Collection[str],
    sizes: Mapping[str, int],
) -> None:
    """Write scores in the formats of other tools, and the regions that they are about.

    Parameters
    ----------
    folder : Path
    scores : mapping of str to array, shape (N, length, 4)
        Holds sequences, and hypothetical or, with several targets, hypothetical/target.
    labels : sequence of str
        Names of the targets.
    sequences : SequenceRows
    formats : collection of str
        Some of modisco, chrombpnet, bpnet, bigwig.
    sizes : mapping of str to int
        Lengths of chromosomes, for a bigWig.
    """
    x, regions = scores["sequences"], sequences.regions
    write_regions(folder / "interpreted_regions.bed", regions)
    write_windows(folder / "windows.narrowPeak", regions)
    if sequences.dropped:
        write_regions(folder / "dropped_regions.bed", sequences.dropped)
    if "modisco" in formats:
        write_npz(folder / "ohe.npz", x, np.dtype(np.int8))
    for label in labels:
        hypothetical = scores["hypothetical" if len(labels) == 1 else f"hypothetical/{label}"]
        if "modisco" in formats:
            write_npz(folder / f"{label}.hypothetical.npz", hypothetical, np.dtype(np.float32))
        if "chrombpnet" in formats:
            write_chrombpnet(folder / f"{label}.chrombpnet.h5", x, hypothetical)
        if "bpnet" in formats:
            write_bpnet(folder / f"{label}.bpnet.h5", x, hypothetical, regions)
        if "bigwig" in formats:
            write_track(folder, label, x, hypothetical, regions, sizes)


def write_track(
    folder: Path,
    label: str,
    x: RowArray,
    hypothetical: RowArray,
    regions: Sequence[Region],
    sizes: Mapping[str, int],
) -> None:
    """Write a bigWig of the scores at the letters, and a file of their statistics."""
    stats = write_bigwig(folder / f"{label}.bw", x, hypothetical, regions, sizes)
    lines = "".join(f"{name}\t{value:.6g}\n" for name, value in stats.items())
    (folder / f"{label}.stats.txt").write_text(lines, encoding="utf-8")
