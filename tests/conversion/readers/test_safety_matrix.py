"""Hostile values at every place of an architecture where Keras makes an object, on each version of Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deeplift_tf.conversion.readers.building import prepare
from deeplift_tf.errors import UnsafeModelError
from tests.support.hostile import PLACES, payloads, with_text

ROOT = Path(__file__).parents[3]
VERSIONS = ["3.5.0", "3.8.0", "3.9.2", "3.10.0", "3.12.4", "installed"]
RUN_BY_KERAS = {"3.5.0", "3.8.0"}
"""Versions that themselves run the command of the file in their safe mode."""


@pytest.mark.parametrize("name", [name for name, place in PLACES.items() if not place.dropped])
def test_nothing_foreign_is_let_through(name: str, tmp_path: Path) -> None:
    for payload in payloads("os", "system"):
        config = with_text(PLACES[name].model(payload), f"touch {tmp_path / 'code_has_run'}")
        if name == "dtype" and payload["class_name"] != "function":
            continue  # a policy is taken by its name alone
        with pytest.raises(UnsafeModelError, match=r"bad\.keras: asks for code that is not part of Keras: '"):
            prepare(config, "bad.keras", None, safe_mode=True)
    assert not list(tmp_path.iterdir())


def folder_of(version: str, folder: Path) -> list[str]:
    """A folder that holds one version of Keras, for the path; skips where pip cannot install it."""
    if version == "installed":
        return []
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", str(folder)]
    try:
        subprocess.run([*pip, f"keras=={version}"], check=True, capture_output=True, text=True, timeout=120)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"pip cannot install Keras {version}: {str(getattr(error, 'stderr', error))[-200:]}")
    return [str(folder)]


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_every_place_on_every_version(version: str, tmp_path: Path) -> None:
    path = os.pathsep.join([*folder_of(version, tmp_path / "keras"), str(ROOT)])
    (tmp_path / "files").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.support.hostile", str(tmp_path / "files")],
        env={**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["tried"] > 4000
    assert version in ("installed", found["keras"])
    assert not found["wrong"], "\n".join(found["wrong"][:20])
    if version != "installed":  # the attempts are real: some versions do what the file says
        assert found["runs"] == (version in RUN_BY_KERAS)
