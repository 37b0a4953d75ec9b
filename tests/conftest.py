"""Quiet TensorFlow, the same random numbers in every run."""

from __future__ import annotations

import os
import random
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import of TensorFlow
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # one order of summation on every processor
if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a core; threads of several would wait for one another
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import hypothesis
import numpy as np
import pytest

# a compilation inside an example takes longer than any deadline; the examples are the same in every run
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True)
hypothesis.settings.load_profile("tests")


@pytest.fixture(autouse=True)
def seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)
