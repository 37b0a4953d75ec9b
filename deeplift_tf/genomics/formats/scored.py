"""What a format writes: the scores of sequences, where they lie, and how files are compressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from deeplift_tf.arrays.rows import RowArray
from deeplift_tf.genomics.regions import Region


class ScoredSequences(NamedTuple):
    """Scores of sequences, which may be read row by row from an open file.

    Attributes
    ----------
    x : array, shape (N, length, letters)
        One-hot.
    hypothetical : mapping of str to array, shape (N, length, letters)
        Hypothetical contributions by target, such as counts.
    regions : sequence of Region
        Where each row lies; of a FASTA file the whole of its sequence.
    sizes : mapping of str to int
        Lengths of the chromosomes.
    compression : str
        Of HDF5 files, "gzip" or "blosc".
    """

    x: RowArray
    hypothetical: Mapping[str, RowArray]
    regions: Sequence[Region]
    sizes: Mapping[str, int]
    compression: str = "gzip"
