from __future__ import annotations

import numpy as np
import pytest

from deeplift_tf import plots
from deeplift_tf.errors import InputError

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _no_figures_left() -> None:
    import matplotlib.pyplot as plt

    plt.close("all")


def one_hot(letters: str) -> np.ndarray:
    return np.eye(4)[["ACGT".index(letter) for letter in letters]]


def letters(ax: object) -> list[tuple[float, float]]:
    """Return the vertical ends of the letters drawn, in the order of positions."""
    (drawn,) = ax.collections  # type: ignore[attr-defined]
    boxes = [path.get_extents() for path in drawn.get_paths()]
    return [(box.y0, box.y1) for box in sorted(boxes, key=lambda box: box.x0)]


def test_one_letter_at_each_position_as_high_as_its_score() -> None:
    x = one_hot("ACGT")
    scores = x * np.array([[1.0], [2.0], [-3.0], [0.5]])
    scores[:, 0] += 0.25  # what the reference takes away from another letter counts at the position
    fig, ax = plots.logo(scores, x)
    fig.canvas.draw()
    found = letters(ax)
    assert len(found) == 4
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("contribution", "position")
    np.testing.assert_allclose(found, [(0, 1.25), (0, 2.25), (-2.75, 0), (0, 0.75)], atol=0.01)


def test_tracks_and_spans() -> None:
    x = one_hot("ACGTACGT")
    tracks = {"contributions": x * 2, "hypothetical": x * 5 - 1}
    fig, axes = plots.logo(tracks, highlight=[(2, 4, "motif"), (6, 8)], start=1, end=7, title="a sequence")
    assert [ax.get_ylabel() for ax in axes] == ["contributions", "hypothetical"]
    assert axes[0].get_title() == "a sequence"
    assert axes[-1].get_xlabel() == "position"
    fig.canvas.draw()
    assert not any(label.get_visible() for label in axes[0].get_xticklabels())  # they are those of the track below
    assert all(label.get_visible() for label in axes[1].get_xticklabels())
    assert axes[0].get_xlim() == axes[1].get_xlim()
    assert [label.get_text() for label in axes[0].texts] == ["motif"]
    fig.canvas.draw()
    drawn = np.asarray(fig.canvas.buffer_rgba())
    left, bottom = axes[0].transData.transform((2.5, axes[0].get_ylim()[1] * 0.98))
    inside = drawn[len(drawn) - int(bottom), int(left)]
    outside = drawn[len(drawn) - int(bottom), int(axes[0].transData.transform((4.5, 0))[0])]
    assert outside[2] > inside[2] + 50  # yellow ground has less blue than white


def test_a_shared_scale() -> None:
    x = one_hot("AC")
    _, axes = plots.logo({"a": x, "b": x * 9}, share_scale=True)
    assert axes[0].get_ylim() == axes[1].get_ylim()


@pytest.mark.parametrize(
    ("scores", "arguments", "message"),
    [
        (np.ones((5, 3)), {}, r"expected shape \(length, 4\); received \(5, 3\)"),
        (np.ones((5, 4)), {"x": np.ones((4, 4))}, "x: expected shape"),
        (np.ones((5, 4)), {"start": 3, "end": 9}, "start, end"),
        (np.ones((5, 4)), {"highlight": [(3, 3)]}, "highlight"),
        ({"a": np.ones((5, 4)), "b": np.ones((4, 4))}, {}, "tracks of one length"),
    ],
)
def test_what_cannot_be_drawn(scores: object, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plots.logo(scores, **arguments)  # type: ignore[arg-type]
