from __future__ import annotations

import os
import subprocess
import sys

import pytest


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = [sys.executable, "-c", code]
    return subprocess.run(done, env=kept | environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["score", "--help"], ["score", "-m", "none"]])
def test_tensorflow_is_not_imported_before_it_is_needed(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['deeplift-tf', *{arguments!r}]\n"
        "from deeplift_tf.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code == (2 if '-m' in sys.argv else 0), end.code\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_what_is_missing_is_named() -> None:
    code = "import sys; sys.modules['click'] = None\nfrom deeplift_tf.cli import main\nmain()"
    done = python(code)
    assert done.returncode == 2
    assert done.stderr == "error: click not installed; run: pip install 'deeplift-tf[cli]'\n"


@pytest.mark.slow
def test_tensorflow_starts_quietly() -> None:
    code = (
        "import sys\nfrom deeplift_tf.cli.quiet import import_tensorflow\n"
        "import_tensorflow()\nassert 'tensorflow' in sys.modules"
    )
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_the_wait_for_tensorflow_says_a_word_on_a_terminal() -> None:
    code = "from deeplift_tf.cli.quiet import import_tensorflow\nimport_tensorflow()"
    screen, terminal = os.openpty()
    kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], env=kept, stderr=terminal, check=False)
    os.close(terminal)
    said = os.read(screen, 10_000).decode()
    os.close(screen)
    assert (done.returncode, said.strip()) == (0, "note: starting TensorFlow, which takes some seconds")


def test_messages_held_back_are_shown_when_the_start_fails() -> None:
    code = (
        "import os\nfrom deeplift_tf.cli.quiet import _held_back\n"
        "with _held_back():\n    os.write(2, b'the driver is too old\\n'); raise RuntimeError('no')"
    )
    done = python(code)
    assert "the driver is too old" in done.stderr
    assert "RuntimeError: no" in done.stderr
