"""TF-MoDISco's input: sequences and hypothetical contributions as .npz files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deeplift_tf.arrays.rows import RowArray
from deeplift_tf.genomics.formats.files import check, write_npz
from deeplift_tf.genomics.formats.scored import ScoredSequences


def write(folder: Path, scored: ScoredSequences) -> None:
    """Write ohe.npz, and TARGET.hypothetical.npz for every target."""
    write_npz(folder / "ohe.npz", scored.x, np.dtype(np.int8))
    for target, hypothetical in scored.hypothetical.items():
        write_npz(folder / f"{target}.hypothetical.npz", hypothetical, np.dtype(np.float32))


def write_modisco(x_path: Path, scores_path: Path, x: RowArray, hypothetical: RowArray) -> None:
    """Write what ``modisco motifs -s X.npz -a SCORES.npz`` reads: each an array arr_0 of shape (N, 4, length).

    Parameters
    ----------
    x_path, scores_path : Path
        Ending in .npz.
    x : array, shape (N, length, 4)
        One-hot sequences; a dataset of an open file too.
    hypothetical : array, shape (N, length, 4)
        Hypothetical contributions; TF-MoDISco takes those at the letters of x by itself.
    """
    check(x, hypothetical)
    write_npz(x_path, x, np.dtype(np.int8))
    write_npz(scores_path, hypothetical, np.dtype(np.float32))
