from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.examples import run_example

pytest.importorskip("sklearn")
image = pytest.importorskip("matplotlib.image")


@pytest.mark.slow
def test_first_five_minutes(tmp_path: Path) -> None:
    said = run_example("quickstart.py", tmp_path)
    left = {path.name for path in (tmp_path / "quickstart").iterdir()}
    assert left == {"digits.keras", "digits.npy", "digits.png", "scores.h5", "scores.h5.json"}
    accuracy = float(said.split("trained: ")[1].split(" %")[0])
    assert accuracy > 95
    assert "$ deeplift-tf score -m quickstart/digits.keras -i quickstart/digits.npy" in said
    with h5py.File(tmp_path / "quickstart" / "scores.h5") as file:
        contributions, delta = file["contributions"][:], file["delta"][:]
        difference = file["outputs"][:] - file["reference_outputs"][:]
    assert contributions.shape == (10, 8, 8, 1)
    assert np.abs(delta).max() < 1e-4 * np.abs(difference).max()  # float32
    drawn = image.imread(tmp_path / "quickstart" / "digits.png")[..., :3]
    lower = drawn[len(drawn) // 2 :]
    assert (lower[..., 0] > lower[..., 2] + 0.4).mean() > 0.02  # red pixels
    assert (lower[..., 2] > lower[..., 0] + 0.3).mean() > 0.01  # blue pixels
