"""bpnet's files of scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deeplift_tf.arrays.rows import RowArray
from deeplift_tf.errors import InputError
from deeplift_tf.genomics.formats.files import Maker, write_h5
from deeplift_tf.genomics.formats.scored import ScoredSequences
from deeplift_tf.genomics.regions import Region


def write(folder: Path, scored: ScoredSequences) -> None:
    """Write TARGET.bpnet.h5 for every target."""
    for target, hypothetical in scored.hypothetical.items():
        write_bpnet(folder / f"{target}.bpnet.h5", scored.x, hypothetical, scored.regions, scored.compression)


def write_bpnet(
    path: Path, x: RowArray, hypothetical: RowArray, regions: Sequence[Region], compression: str = "gzip"
) -> None:
    """Write bpnet's file of scores: hyp_scores and input_seqs, of shape (N, length, 4), and coords_*.

    Parameters
    ----------
    path : Path
    x, hypothetical : array, shape (N, length, 4)
    regions : sequence of Region
    compression : str
        See `write_chrombpnet`.
    """
    if len(regions) != x.shape[0]:
        raise InputError(f"regions: expected {x.shape[0]}, one for each sequence; received {len(regions)}")
    datasets: dict[str, tuple[Any, Maker]] = {
        "input_seqs": (np.int8, lambda one_hot, scores: one_hot),
        "hyp_scores": (np.float16, lambda one_hot, scores: scores),
    }
    places = {
        "coords_chrom": np.array([region.chrom.encode("ascii", "replace") for region in regions]),
        "coords_start": np.array([region.start for region in regions], np.int32),
        "coords_end": np.array([region.end for region in regions], np.int32),
    }
    write_h5(path, x, hypothetical, datasets, places, compression)
