from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.command_line import run
from tests.support.examples import run_example

pytest.importorskip("sklearn")
image = pytest.importorskip("matplotlib.image")
pytestmark = pytest.mark.slow


def commands_in(said: str) -> list[list[str]]:
    """Return the command lines that a script has printed, without the program's name."""
    joined = said.replace("\\\n", " ").splitlines()
    return [line.split()[1:] for line in joined if line.startswith("deeplift-tf ")]


def left_by(folder: Path, name: str) -> set[str]:
    return {path.name for path in (folder / name).iterdir()}


def test_genomics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    said = run_example("genomics.py", tmp_path)
    assert left_by(tmp_path, "genomics") == {"model.keras", "model.h5", "sequences.fa", "ranking.txt", "logos.png"}
    ranking = (tmp_path / "genomics" / "ranking.txt").read_text()
    assert ranking in said
    area = {line.split()[0]: float(line.split()[1]) for line in ranking.splitlines()[1:]}
    assert set(area) == {"rescale", "reveal_cancel", "genomics_default", "gradient_times_input", "integrated_gradients"}
    # both motifs are needed, and a minimum of two is what RevealCancel was made for (paper, section 3.5.3)
    assert area["genomics_default"] > area["rescale"] > area["gradient_times_input"] > 0.5
    assert image.imread(tmp_path / "genomics" / "logos.png")[..., :3].std() > 0.05
    monkeypatch.chdir(tmp_path)
    for command in commands_in(said):
        result = run(*command)
        assert result.exit_code == 0, result.stderr
    assert Path("genomics/out/target_2.chrombpnet.h5").is_file()
    assert image.imread("genomics/targets.png")[..., :3].std() > 0.05


def test_images(tmp_path: Path) -> None:
    said = run_example("images.py", tmp_path)
    assert left_by(tmp_path, "images") == {"model.keras", "references.png"}
    deltas = re.findall(r"(zero|mean|blurred|other images) +largest delta (\S+)", said)
    assert [name for name, _ in deltas] == ["zero", "mean", "blurred", "other images"]
    assert all(float(delta) < 1e-4 for _, delta in deltas)
    assert image.imread(tmp_path / "images" / "references.png")[..., :3].std() > 0.05


def test_segmentation(tmp_path: Path) -> None:
    said = run_example("segmentation.py", tmp_path)
    assert left_by(tmp_path, "segmentation") == {"model.keras", "regions.png"}
    assert float(said.split("trained: ")[1].split(" %")[0]) > 80
    deltas = re.findall(r"largest delta (\S+) of the difference", said)
    assert len(deltas) == 2
    assert all(float(delta) < 1e-4 for delta in deltas)  # float32


def test_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run_example("text.py", tmp_path)
    left = {"model.keras", "sentence.png", "sentences.html", "tokens.npy", "words.txt"}
    assert left_by(tmp_path, "text") == left
    praise, blame = (float(line.split()[0]) for line in said.splitlines()[1:3])
    assert praise > 0 > blame
    page = (tmp_path / "text" / "sentences.html").read_text()
    assert page.count("<span") == 20
    monkeypatch.chdir(tmp_path)
    for command in commands_in(said):
        result = run(*command)
        assert result.exit_code == 0, result.stderr
    words = re.compile(r"<span[^>]*>([^<]*)</span>")
    assert words.findall(Path("text/plot.html").read_text()) == words.findall(page)
