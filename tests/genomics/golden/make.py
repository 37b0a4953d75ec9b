"""Writes the golden files of this folder: one small file in every format, of scores that half precision holds exactly.

python -m tests.genomics.golden.make
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deeplift_tf.genomics import Region
from deeplift_tf.genomics.folder import write_formats
from deeplift_tf.genomics.rows import SequenceRows
from deeplift_tf.genomics.sequences import one_hot

HERE = Path(__file__).parent
LETTERS = ["ACGTACGT", "TTNGGCCA", "CATGCATG"]
SIZES = {"chr2": 60, "chr10": 40}
REGIONS = [
    Region("chr10", 3, 11, 7, "chr10\t0\t20\tpeak_1\t0\t.\t1\t2\t3\t7"),
    Region("chr2", 30, 38, 34, "chr2\t30\t40\tpeak_2\t0\t.\t1\t2\t3\t4"),
    Region("chr2", 34, 42, 38, "chr2\t30\t50\tpeak_3\t0\t.\t1\t2\t3\t8"),  # summits at 34 and 38: cut at 36
]


def scores() -> tuple[np.ndarray, np.ndarray]:
    """Return one-hot sequences and hypothetical contributions, in eighths from −6 to 5.875."""
    x = one_hot(LETTERS)
    return x, (np.arange(x.size).reshape(x.shape) * 37 % 96 / 8 - 6).astype(np.float32)


def write(folder: Path) -> None:
    """Write every format into a folder."""
    x, hypothetical = scores()
    sequences = SequenceRows(None, REGIONS)  # type: ignore[arg-type]  # its letters are here already
    formats = ("modisco", "chrombpnet", "bpnet", "bigwig")
    write_formats(folder, {"sequences": x, "hypothetical": hypothetical}, ["target_0"], sequences, formats, SIZES)


if __name__ == "__main__":
    write(HERE)
