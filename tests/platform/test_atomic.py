"""Files and folders have their names when they are whole, and never before."""

from __future__ import annotations

from pathlib import Path

import pytest

from deeplift_tf.platform.atomic import aside, replace, whole_file, whole_folder


def test_a_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with whole_file(path) as partial:
        partial.write_text("new")
        assert partial.suffix == ".html"  # savefig chooses the format by it
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_exception_the_old_file_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "served" / "1"
    with whole_folder(path) as partial:
        (partial / "a").write_text("a")
        assert not path.exists()
        assert not partial.name.isdigit()  # a server looks for versions, which are numbers
    assert (path / "a").read_text() == "a"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_came_first_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "1"
    with pytest.raises(FileExistsError, match="exists already"), whole_folder(path):
        path.mkdir()
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_folder_is_removed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "1") as partial:
        (partial / "a").write_text("a")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_names_aside_differ(tmp_path: Path) -> None:
    """Two processes, or two calls of one, write the same picture at the same time."""
    assert len({aside(tmp_path / "a.png") for _ in range(10)}) == 10


def test_replace_a_folder_by_a_folder(tmp_path: Path) -> None:
    old, new = tmp_path / "scores", tmp_path / "scores.partial"
    for folder in (old, new):
        folder.mkdir()
        (folder / folder.name).touch()
    replace(new, old)
    assert [each.name for each in old.iterdir()] == ["scores.partial"]
    assert list(tmp_path.iterdir()) == [old]
