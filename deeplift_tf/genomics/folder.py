"""The output folder of DNA scores: its files beside the scores themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deeplift_tf.arrays.rows import RowArray
from deeplift_tf.genomics.formats.scored import ScoredSequences
from deeplift_tf.genomics.formats.table import format_named
from deeplift_tf.genomics.regions import write_regions, write_windows

if TYPE_CHECKING:
    from deeplift_tf.genomics.rows import SequenceRows


def write_formats(
    folder: Path,
    scores: Mapping[str, RowArray],
    labels: Sequence[str],
    sequences: SequenceRows,
    formats: Collection[str],
    sizes: Mapping[str, int],
    compression: str = "gzip",
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
        Some of `formats.table.FORMATS`.
    sizes : mapping of str to int
        Lengths of chromosomes, for a bigWig.
    compression : str
        Of HDF5 files, "gzip" or "blosc".
    """
    regions = sequences.regions
    write_regions(folder / "interpreted_regions.bed", regions)
    write_windows(folder / "windows.narrowPeak", regions)
    if sequences.dropped:
        write_regions(folder / "dropped_regions.bed", sequences.dropped)
    of_targets = {label: scores["hypothetical" if len(labels) == 1 else f"hypothetical/{label}"] for label in labels}
    scored = ScoredSequences(scores["sequences"], of_targets, regions, sizes, compression)
    for name in formats:
        format_named(name).write(folder, scored)
