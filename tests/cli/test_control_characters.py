"""Names in files may hold codes of terminals; none of them reaches a terminal, a page or a picture."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from xml.etree import ElementTree

import h5py
import keras
import numpy as np
import pytest

import deeplift_tf as dl
from deeplift_tf import plots
from deeplift_tf.errors import DeepLiftError, DeepLiftWarning, LayerNameError
from deeplift_tf.network import LayerRow, render
from deeplift_tf.printable import CODES, printable
from tests.support.command_line import run

CODE = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m"


def clean(text: str) -> bool:
    return not CODES.search(text.replace("\n", "").replace("\t", ""))


def test_what_is_written_out() -> None:
    assert printable("a\x1b[1mb\u202ec\nd\x9b") == r"a\x1b[1mb\u202ec\nd\x9b"
    assert printable("a\nb\tc\r", keep="\n\t") == "a\nb\tc\\r"
    plain = "naïve Δt → 漢字 😀 é"
    assert printable(plain) == plain


def test_errors_warnings_and_tables() -> None:
    for kind in (DeepLiftError, LayerNameError):
        assert clean(str(kind(f"layer {CODE!s}"))) and r"\x07" in str(kind(f"layer {CODE}"))
    with pytest.warns(DeepLiftWarning) as caught:
        warnings.warn(f"layer {CODE}", DeepLiftWarning, stacklevel=1)
    assert clean(str(caught[0].message))
    table = render([LayerRow(f"a{CODE}\nb", f"Dense{CODE}", "Linear", "", (None, 3), True)])
    assert clean(table) and len(table.splitlines()) == 3


HIDDEN = {
    "zero_width": "a\u200bb\u2060c\ufeffd\u00ad",
    "bidi": "a\u202eb\u2066c\u2069",
    "tags": "a\U000e0041\U000e007f",
    "fillers": "a\u3164b\u115f\u180e",
    "no_characters": "a\ufdd0b\ufff9",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_not_seen_is_written_out(name: str) -> None:
    written = printable(HIDDEN[name])
    assert written.startswith("a\\") and written.isascii()
    assert HIDDEN[name] == written.encode("ascii").decode("unicode_escape")


def test_joiners_that_words_are_spelt_with_stay() -> None:
    text = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f52c"
    assert printable(text) == text


def test_long_names_do_not_fill_the_terminal() -> None:
    long = "n" * 10_000
    x = keras.Input((3,), name="x")
    network = dl.convert(keras.Model(x, keras.layers.Dense(2, name=long)(x)))
    with pytest.raises(LayerNameError) as caught:
        network.compile(layers=[f"m{long}"])
    assert len(str(caught.value)) < 1000 and "nnn...nnn" in str(caught.value)
    assert network.compile(layers=[long])


FORMULA = "x$_{y$ \\frac{"
"""What matplotlib would take for mathematics, and fail at."""


@pytest.mark.parametrize("kind", ["logo", "bars", "heatmap"])
def test_a_name_is_no_formula(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["contributions"] = rng.normal(size=(2, 6, 4)).astype("float32")
        file["sequences"] = np.eye(4, dtype="u1")[rng.integers(0, 4, (2, 6))]
        file["outputs"] = file["reference_outputs"] = rng.normal(size=2)
        file["names"] = np.array([FORMULA.encode(), b"b"])
    result = run("plot", tmp_path / "s.h5", "-o", tmp_path / "p.svg", "--as", kind, "--rows", "0")
    assert result.exit_code == 0, result.stderr
    ElementTree.parse(tmp_path / "p.svg")


def test_no_text_of_a_picture_is_a_formula(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    figures = [
        plots.logo({FORMULA: np.ones((6, 4))}, title=FORMULA, highlight=[(1, 3, FORMULA)])[0],
        plots.bars(np.ones(1), names=[FORMULA], title=FORMULA)[0],
        plots.text([FORMULA], np.ones(1), title=FORMULA)[0],
    ]
    for figure in figures:
        figure.savefig(tmp_path / "p.svg")
        pyplot.close(figure)


def test_commands(tmp_path: Path) -> None:
    """Of a layer, a file, and messages of Python's warnings and of the log."""
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, name=f"d{CODE}".replace("/", ""))(x))
    path = tmp_path / f"m{CODE}.keras".replace("/", "")
    model.save(path)
    for arguments in (["inspect", path], ["inspect", path, "--check"], ["inspect", path, "--json"]):
        result = run(*arguments)
        assert result.exit_code == 0, result.stderr
        assert clean(result.output)
    assert "\\x1b" in run("inspect", path).output
    result = run("inspect", tmp_path / f"none{CODE}")
    assert result.exit_code == 2 and clean(result.output)
    np.save(tmp_path / "x.npy", np.ones((4, 3), "float32"))
    result = run("score", "-m", path, "-i", tmp_path / "x.npy", "-o", tmp_path / f"s{CODE}.h5")
    assert result.exit_code == 0 and clean(result.output)


def test_pages_and_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"s{CODE}.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file["contributions"] = rng.normal(size=(2, 6, 4)).astype("float32")
        file["sequences"] = np.eye(4, dtype="u1")[rng.integers(0, 4, (2, 6))]
        file["outputs"] = file["reference_outputs"] = rng.normal(size=2)
        file["names"] = np.array([f"seq{CODE}<&".encode(), b"\xff\xfe\x1b["])
    result = run("report", path, "-o", tmp_path / "r.html")
    assert result.exit_code == 0 and clean(result.output)
    assert clean((tmp_path / "r.html").read_text(encoding="utf-8"))
    for kind in ("logo", "bars"):
        result = run("plot", path, "-o", tmp_path / f"{kind}.svg", "--as", kind)
        assert result.exit_code == 0, result.stderr
        ElementTree.parse(tmp_path / f"{kind}.svg")


def test_pictures_of_words_and_bars(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    drawn = {
        "text": plots.text([f"word{CODE}"], np.ones(1), title=f"title{CODE}")[0],
        "bars": plots.bars(np.ones(1), names=[f"name{CODE}"], title=f"title{CODE}")[0],
    }
    for name, fig in drawn.items():
        fig.savefig(tmp_path / f"{name}.svg")
        ElementTree.parse(tmp_path / f"{name}.svg")
        pyplot.close(fig)
    assert clean(plots.text_html([f"word{CODE}"], np.ones(1)))


def test_remarks_of_the_log(tmp_path: Path) -> None:
    import click

    from deeplift_tf.cli.errors import Commands

    @click.command(cls=Commands)
    def commands() -> None:
        """A group."""

    @commands.command()
    def remark() -> None:
        logging.getLogger("deeplift_tf").info("layer %s", CODE)

    from click.testing import CliRunner

    result = CliRunner().invoke(commands, ["remark"])
    assert result.exit_code == 0 and clean(result.output) and "owned" in result.output


def test_an_output_that_is_a_link_to_itself(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.h5"
    out.symlink_to("s.h5")
    result = run("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", out)
    assert (result.exit_code, "is a link that leads nowhere" in result.stderr) == (2, True)
    assert result.stderr.count("\n") == 1
    run("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", tmp_path / "t.h5")
    for command, name, few in (("plot", "p.png", "--rows=0"), ("report", "r.html", "--top=1")):
        (tmp_path / name).symlink_to(name)
        result = run(command, tmp_path / "t.h5", "-o", tmp_path / name, few)
        assert result.exit_code in (0, 2) and "unexpected" not in result.stderr


def test_what_was_being_written_and_is_cut_in_half_names_the_way_on(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.command_line import interrupted

    command = ("score", "-m", files / "one.keras", "-i", files / "x.npy", "-o", tmp_path / "s.h5", "--batch-size", 8)
    interrupted(monkeypatch, *command)
    partial = tmp_path / "s.h5.partial"
    partial.write_bytes(partial.read_bytes()[: partial.stat().st_size // 2])
    result = run(*command)
    assert (result.exit_code, "Start over with --restart" in result.stderr) == (2, True), result.stderr
    assert run(*command, "--restart").exit_code == 0


@pytest.mark.parametrize("setting", [{"offset": "x"}, {"scale": "x"}, {"scale": [1.0, "x", 2.0]}, {"offset": {"a": 1}}])
def test_settings_that_no_layer_can_have(setting: dict[str, object]) -> None:
    x = keras.Input((3,), name="x")
    layer = keras.layers.Rescaling(2.0, 1.0)
    model = keras.Model(x, layer(x))
    for name, value in setting.items():
        setattr(layer, name, value)
    with pytest.raises(DeepLiftError, match="Rescaling whose settings cannot be converted"):
        dl.convert(model)
