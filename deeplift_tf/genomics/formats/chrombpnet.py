"""chrombpnet's files of scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deeplift_tf.arrays.rows import RowArray
from deeplift_tf.genomics.formats.files import write_h5
from deeplift_tf.genomics.formats.scored import ScoredSequences


def write(folder: Path, scored: ScoredSequences) -> None:
    """Write TARGET.chrombpnet.h5 for every target."""
    for target, hypothetical in scored.hypothetical.items():
        write_chrombpnet(folder / f"{target}.chrombpnet.h5", scored.x, hypothetical, scored.compression)


def write_chrombpnet(path: Path, x: RowArray, hypothetical: RowArray, compression: str = "gzip") -> None:
    """Write chrombpnet's file of scores: raw/seq, shap/seq and projected_shap/seq, of shape (N, 4, length).

    shap/seq are the hypothetical contributions, projected_shap/seq those at the letters of the sequence.

    Parameters
    ----------
    path : Path
    x, hypothetical : array, shape (N, length, 4)
    compression : str
        "gzip", or "blosc" as chrombpnet has it, which takes hdf5plugin to write and to read.
    """
    write_h5(
        path,
        x,
        hypothetical,
        {
            "raw/seq": (np.int8, lambda one_hot, scores: one_hot.swapaxes(1, 2)),
            "shap/seq": (np.float16, lambda one_hot, scores: scores.swapaxes(1, 2)),
            "projected_shap/seq": (np.float16, lambda one_hot, scores: (one_hot * scores).swapaxes(1, 2)),
        },
        compression=compression,
    )
