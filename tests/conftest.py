"""Quiet TensorFlow, the same random numbers in every run."""

from __future__ import annotations

import importlib.metadata
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


def pytest_itemcollected(item: pytest.Item) -> None:
    """Some cases of a test are longer ones: those that `slow_for` names, all that `slow_but_for` does not name."""
    case = getattr(item, "callspec", None)
    if case is not None and any(
        (case.id in mark.args) == (mark.name == "slow_for")
        for name in ("slow_for", "slow_but_for")
        for mark in item.iter_markers(name)
    ):
        item.add_marker(pytest.mark.slow)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse names of cases that are none."""
    if any("::" in argument for argument in config.args):
        return  # not all cases are here
    if tuple(map(int, importlib.metadata.version("keras").split(".")[:2])) < (3, 15):
        return  # older versions lack layers, and their cases
    cases: dict[str, set[str]] = {}
    for item in items:
        if hasattr(item, "callspec"):
            cases.setdefault(item.nodeid.partition("[")[0], set()).add(item.callspec.id)
    for item in items:
        for mark in (mark for name in ("slow_for", "slow_but_for") for mark in item.iter_markers(name)):
            if unknown := set(mark.args) - cases[item.nodeid.partition("[")[0]]:
                raise pytest.UsageError(f"{item.nodeid}: {mark.name} names {sorted(unknown)}, which are no cases of it")
