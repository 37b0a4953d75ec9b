"""A gallery of all plots: the code of each and the picture that it makes.

The hook of the site, docs/pages.py, runs every piece of code below SETUP and puts its picture below it.
"""

from __future__ import annotations

import io
from typing import Any

SETUP = """import numpy as np
from sklearn.datasets import load_digits

import deeplift_tf as dl

rng = np.random.default_rng(0)
digits = load_digits().images[:6, ..., None] / 16
scores = digits * rng.normal(size=digits.shape)  # in place of scores.contributions
codes = rng.integers(0, 4, 60)
codes[20:27] = [3, 2, 0, 1, 3, 1, 0]
dna = np.eye(4)[codes]
of_dna = dna * (0.1 * rng.normal(size=(60, 1)) + (np.abs(np.arange(60) - 23) < 4)[:, None])
"""

PLOTS: dict[str, tuple[str, str]] = {
    "heatmap": (
        "Images: red pixels raise the output, blue ones lower it.",
        "fig, _ = dl.plots.heatmap(scores, digits, alpha=1, edges=True, columns=3)",
    ),
    "side_by_side": (
        "What an image is compared with, the image, and the contributions.",
        "fig, _ = dl.plots.side_by_side(scores[0], digits[0], np.zeros((8, 8, 1)))",
    ),
    "edges": (
        "Edges of one picture, or of two on one map, with thresholds and colours of one's choice.",
        """fig, ax = dl.plots.heatmap(scores[0])
dl.plots.edges([digits[0], digits[3]], threshold=0.4, colors=["black", "green"], ax=ax)""",
    ),
    "scaled_image": (
        "Pixels as bright as their scores are large.",
        "fig, _ = dl.plots.scaled_image(scores[2], digits[2])",
    ),
    "logo": (
        "Sequences: letters as high as their scores.",
        'fig, _ = dl.plots.logo(of_dna, dna, highlight=[(20, 27, "site")], annotations=[(20, 27, "motif", "+")])',
    ),
    "letter_map": (
        "What each other letter would change.",
        "fig, _ = dl.plots.letter_map(rng.normal(size=(60, 4)) * (1 - dna), dna, start=10, end=40)",
    ),
    "variant": (
        "Both alleles of a variant, and their difference.",
        """other = dna.copy()
other[23] = np.eye(4)[0]
of_other = other * np.where(np.abs(np.arange(60) - 23) < 4, 0.2, of_dna.sum(1))[:, None]
fig, _ = dl.plots.variant(dna, other, of_other - of_dna, [of_dna, of_other], site=23)""",
    ),
    "text": (
        "Words on the colours of their scores. `text_html` writes the same for a page.",
        """words = "the plot was not dull and the cast was wonderful".split()
of_words = np.array([0, 0.1, -0.2, 0.9, -0.5, 0, 0, 0.1, 0.3, 1.2])
fig, _ = dl.plots.text(words, of_words)""",
    ),
    "bars": (
        "The features of one row, the largest first.",
        'fig, _ = dl.plots.bars([0.4, -1.2, 0.1, 2.0], ["age", "dose", "weight", "height"])',
    ),
    "summary": (
        "The features of many rows: their mean magnitude, cut into what raised and what lowered the output.",
        """rows = rng.normal(size=(40, 4)) * [1, 3, 0.5, 2] + [0, 1, 0, -1]
fig, _ = dl.plots.summary(rows, ["age", "dose", "weight", "height"])""",
    ),
    "series": (
        "Time series on the colours of their scores.",
        """time = np.linspace(0, 6, 120)
heart = np.stack([np.sin(6 * time), np.cos(2 * time)], 1)
of_heart = heart * np.exp(-((time - 3) ** 2))[:, None]
fig, _ = dl.plots.series(of_heart, heart, ["lead 1", "lead 2"], times=time)""",
    ),
    "path": (
        "Output and gradient from the reference to x; `dl.evaluate.along_path(...).plot()` draws those of a network.",
        """alpha = np.linspace(0, 1, 101)
fig, _ = dl.plots.path(alpha, np.minimum(2 * alpha, 1), 2.0 * (alpha < 0.5))""",
    ),
    "before_after": (
        "A reference before and after its output was made uniform, with what the network says of both.",
        """before, after = digits[3], np.clip(digits[3] + 0.2 * rng.normal(size=(8, 8, 1)), 0, 1)
fig, _ = dl.plots.before_after([before, after], [np.eye(10)[3] * 0.9 + 0.01, np.full(10, 0.1)])""",
    ),
}
"""For each function of `dl.plots` what it shows, and code that makes `fig`."""

NO_PICTURES = ("map_of", "scale_of", "text_html")


def pictures() -> dict[str, bytes]:
    """Run the code of every plot; return the pictures by name, PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    made = {}
    for name, (_, code) in PLOTS.items():
        names: dict[str, Any] = {}
        exec(SETUP + code, names)  # the code is that of this file
        buffer = io.BytesIO()
        names["fig"].savefig(buffer, format="png", dpi=80)
        made[name] = buffer.getvalue()
        plt.close("all")
    return made


def page() -> str:
    """Return the page."""
    parts = [
        "# Gallery",
        "Every plot with the code that makes it. All return `(fig, ax)`; all take `ax=`, axes of your own. "
        "`deeplift-tf plot` draws files of scores by the same functions. The pictures here are of made-up scores:",
        f"```python\n{SETUP}```",
    ]
    for name, (about, code) in PLOTS.items():
        parts.append(f"## {name}\n\n{about}\n\n```python\n{code}\n```\n\n![{about}](gallery/{name}.png)")
    return "\n\n".join(parts) + "\n"
