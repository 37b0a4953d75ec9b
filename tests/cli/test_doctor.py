from __future__ import annotations

import json
from importlib import metadata
from typing import Any

import pytest

from deeplift_tf.cli import diagnosis
from deeplift_tf.conversion import convert, self_test
from tests.cli.test_startup import python
from tests.support.command_line import run


def test_a_diagnosis_without_the_extras() -> None:
    code = (
        "import sys; sys.modules['click'] = None; sys.argv = ['deeplift-tf', 'doctor', '--json']\n"
        "from deeplift_tf.cli import main\nmain()"
    )
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert {"deeplift_tf", "python", "tensorflow", "keras", "numpy", "h5py"} <= set(found["versions"])
    assert any(device.startswith("CPU") for device in found["devices"])
    assert found["self_test"]["passed"] and not found["problems"]
    assert 0 < found["self_test"]["relative_delta"] < 1e-5  # float32, summed over 48 positions
    if found["optional"]:  # known where the package was installed, rather than found on the path
        assert found["optional"]["click"]["extras"] == ["cli"]
        assert "pytest" not in found["optional"]


def test_what_is_not_there_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=1.26", 'nowhere>=2; python_version < "4" and extra == "cli"', "deeplift-tf[cli]; extra == 'ray'"]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    monkeypatch.setattr(diagnosis, "tested_itself", lambda: {"passed": True} | self_test.SelfTest(0, 0, 0)._asdict())
    done = run("doctor")
    assert done.exit_code == 0
    assert "nowhere  not installed; pip install 'deeplift-tf[cli]'" in done.output
    assert "no problem was found" in done.output


def test_an_installation_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise ImportError("numpy.core.multiarray failed to import")

    monkeypatch.setattr(diagnosis, "devices_found", broken)
    done = run("doctor")
    assert done.exit_code == 1
    assert "problem: ImportError: numpy.core.multiarray failed to import" in done.output
    assert "numpy " in done.output


def test_wrong_scores_fail_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def slightly_wrong(model: Any, rule: str) -> Any:
        network = convert(model, rule=rule)
        model.set_weights([1.001 * weight for weight in model.get_weights()])
        return network

    monkeypatch.setattr(self_test, "convert", slightly_wrong)
    done = run("doctor", "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["problems"] == ["the self-test's errors are above 1e-4"]
