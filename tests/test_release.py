"""What a release says about itself is the same in every file, and workflows call the repository's own script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deeplift_tf import __version__

ROOT = Path(__file__).parents[1]
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_version_is_one() -> None:
    assert re.search(r"^version: (.+)$", text("CITATION.cff"), re.M)[1] == __version__  # type: ignore[index]
    headings = re.findall(r"^## \[(.+?)\](.*)$", text("CHANGELOG.md"), re.M)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == __version__
    assert re.fullmatch(r" - \d{4}-\d\d-\d\d", headings[1][1])
    assert len({name for name, _ in headings}) == len(headings)


def test_pythons_are_the_same_everywhere() -> None:
    assert re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT) == PYTHONS
    assert f'requires-python = ">={PYTHONS[0]},<3.14"' in PROJECT
    stated = f"{PYTHONS[0]} to {PYTHONS[-1]}"
    for name in ("README.md", "docs/versions.md", "scripts/run.sh"):
        found = re.findall(r"Pythons? (?:from )?(3\.\d+ to 3\.\d+)", text(name))
        assert found and set(found) == {stated}, name
    assert re.findall(r'"(3\.\d+)"', text(".github/workflows/tests.yml")) == PYTHONS


def extras() -> set[str]:
    section = PROJECT.split("[project.optional-dependencies]")[1].split("\n[")[0]
    return set(re.findall(r"^([a-z]+) = ", section, re.M))


def test_extras_that_pages_name_are_there() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deeplift_tf").rglob("*.py")]
    named = {
        extra
        for page in pages
        for found in re.findall(r"(?:deeplift-tf|'\.)\[([a-z,]+)\]", page.read_text("utf-8"))
        for extra in found.split(",")
    }
    assert {"cli", "plots", "genomics"} <= named <= extras()


def steps_of(workflow: Path) -> list[str]:
    return re.findall(r"^ +- run: (.+)$", workflow.read_text("utf-8"), re.M)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_the_script(workflow: Path) -> None:
    commands = re.findall(r"^([a-z]+)\)$", text("scripts/run.sh"), re.M)
    for step in steps_of(workflow):
        found = re.fullmatch(r"bash scripts/run\.sh ([a-z]+)", step)
        assert found and found[1] in commands, step
    yaml = pytest.importorskip("yaml")
    parsed = yaml.safe_load(workflow.read_text("utf-8"))
    assert parsed["permissions"] == {"contents": "read"}
    steps = [step for job in parsed["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == steps_of(workflow)
    assert {step["uses"].partition("/")[0] for step in steps if "uses" in step} == {"actions"}


def test_there_is_a_workflow_for_each() -> None:
    assert [path.stem for path in WORKFLOWS] == ["docs", "tests", "wheels"]


def test_the_citation_names_the_paper_and_no_invented_person() -> None:
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(text("CITATION.cff"))
    assert found["authors"] == [{"name": "The deeplift_tf developers"}]
    assert [each["family-names"] for each in found["preferred-citation"]["authors"]] == [
        "Shrikumar",
        "Greenside",
        "Kundaje",
    ]
    assert found["preferred-citation"]["year"] == 2017
