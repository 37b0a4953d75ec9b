"""One process that measures one network in one framework: `python -m benchmarks.worker`, started by the driver.

It prints one line of JSON. Threads are set by the driver through the environment, before anything is imported.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import CASES, Case, data_of
from benchmarks.memory import peak
from benchmarks.timing import Thing, interleaved

PACKAGES = ("numpy", "tensorflow", "keras", "torch", "shap", "captum", "tangermeme")


def prepare(case: Case, weights: Path) -> None:
    """Write the weights of the Keras model, and what it predicts."""
    from benchmarks.cases import TARGET
    from benchmarks.models import build

    model = build(case)
    outputs = model(data_of(case).x, training=False)
    outputs = np.asarray(outputs[case.head] if case.head else outputs)[:, TARGET]
    arrays: dict[str, Any] = {variable.path: np.asarray(variable) for variable in model.weights}
    np.savez(weights, outputs=outputs, **arrays)


def things_in(framework: str, case: Case, weights: Path) -> dict[str, Callable[[], Thing]]:
    """Return how to make what is measured in a framework; only that framework is imported."""
    data = data_of(case)
    if framework == "torch":
        import torch

        from benchmarks.torch_peers import TorchPeers

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        return TorchPeers(case, weights, data).things()
    from benchmarks.models import build

    if framework == "shap":
        from benchmarks.shap_peer import ShapPeer

        return ShapPeer(case, build(case), data).things()
    from benchmarks.ours import Ours

    return Ours(case, build(case), data).things()


def measured(task: str, framework: str, case: Case, weights: Path, repeats: int, names: list[str]) -> Any:
    """Return what a task finds."""
    if task == "growth":
        from benchmarks.growth import grown

        return grown(case, repeats)
    if task == "floor":
        from benchmarks.floor import floor

        return floor(case, repeats)
    if task == "spent":
        from benchmarks.spent import spent

        return spent(case)
    made = {name: make for name, make in things_in(framework, case, weights).items() if not names or name in names}
    if task == "time":
        return interleaved({name: make() for name, make in made.items()}, repeats)
    return {name: peak(functools.partial(made_and_called, make)) for name, make in made.items()}


def made_and_called(make: Callable[[], Thing]) -> Any:
    """Make a thing and call it once, as its first user does."""
    return make().call()


def card(device: str) -> str:
    """Return the name of the GPU that is used; empty on a CPU.

    Raises
    ------
    SystemExit
        If TensorFlow sees none.
    """
    if device == "cpu":
        return ""
    import tensorflow as tf

    seen = tf.config.list_physical_devices("GPU")
    if not seen:
        raise SystemExit("--device gpu: expected a GPU that TensorFlow sees; there is none. Is it the build with CUDA?")
    return str(tf.config.experimental.get_device_details(seen[0]).get("device_name", seen[0].name))


def facts(device: str) -> dict[str, Any]:
    """Return what the numbers depend on: processor or GPU, threads, versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": card(device) or processor(),
        "cores": os.cpu_count(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", 0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
    }


def processor() -> str:
    """Return the model of the processor, and which vector instructions it has."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    found = {key.strip(): value.strip() for key, value in lines.items()}
    wide = "AVX-512" if "avx512f" in found.get("flags", "") else "AVX2" if "avx2" in found.get("flags", "") else ""
    name = found.get("model name", platform.processor() or platform.machine())
    return ", ".join(filter(None, (name, wide)))


def main() -> None:
    """Measure what the arguments say."""
    asked = json.loads(sys.argv[1])
    card(asked["device"])  # before minutes on another device
    case, weights = CASES[asked["model"]], Path(asked["weights"])
    if asked["task"] == "prepare":
        prepare(case, weights)
        found = None
    else:
        found = measured(asked["task"], asked["framework"], case, weights, asked["repeats"], asked["names"])
    print(json.dumps({"found": found, "facts": facts(asked["device"])}))


if __name__ == "__main__":
    main()
