"""The erasing experiment on digits."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.support.examples import ROOT, run_example


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("erasing_digits", ROOT / "examples" / "erasing_digits.py")
    if spec is None or spec.loader is None or not Path(str(spec.origin)).is_file():
        pytest.skip("the examples are not part of an installed package")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pixels_of_the_largest_positive_differences_are_erased(example: ModuleType) -> None:
    x = np.ones((1, 2, 3, 1))
    differences = np.array([3.0, -1, 2, 0, 1, -5]).reshape(x.shape)
    np.testing.assert_array_equal(example.erased(x, differences, 2).ravel(), [0, 1, 0, 1, 1, 1])
    np.testing.assert_array_equal(example.erased(x, differences, 5).ravel(), [0, 1, 0, 1, 0, 1])
    assert (x == 1).all()


def test_table_has_the_best_first(example: ModuleType) -> None:
    found = {"worse": [np.array([1.0, 3.0])] * 4, "better": [np.array([5.0, 5.0])] * 4}
    lines = example.table(found).splitlines()
    assert lines[0].startswith("| method | 8 → 3 (n = 2) |")
    assert lines[2].startswith("| better | 5.00 ± 0.00 |") and lines[3].startswith("| worse | 2.00 ± 0.71 |")


@pytest.mark.slow
def test_the_whole_experiment(tmp_path: Path) -> None:
    printed = run_example("erasing_digits.py", tmp_path)
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")][2:]
    change = {row[0].strip("| "): float(row[1].split(" ±")[0]) for row in rows}
    assert len(change) == 15
    assert change["rescale"] > change["gradient"] and change["rescale"] > change["guided_backprop"]
    assert (tmp_path / "erasing_digits" / "boxes.png").stat().st_size > 10_000
