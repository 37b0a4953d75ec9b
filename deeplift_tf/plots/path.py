"""Output and gradient along the path from the reference to x: where a function saturates, its gradient says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.plots.figure import given, panels, titled

OUTPUT, SLOPE = "#2166ac", "#b2182b"


def path(
    fractions: np.ndarray,
    outputs: np.ndarray,
    slopes: np.ndarray,
    *,
    title: str | None = None,
    ax: Any = None,
) -> tuple[Any, Any]:
    """Draw the output at x⁰ + αΔx, and below it the gradient along the path (Sundararajan et al. 2017, figure 1).

    Parameters
    ----------
    fractions : np.ndarray, shape (S,)
        α, from 0 at the reference to 1 at x.
    outputs : np.ndarray, shape (S,)
    slopes : np.ndarray, shape (S,)
        dF/dα = ∇F·Δx; the area below is the difference of the output.
    title : str, optional
    ax : sequence of two matplotlib axes, optional

    Returns
    -------
    fig : matplotlib.figure.Figure
    ax : np.ndarray of two matplotlib axes
    """
    alpha, values, gradients = (np.asarray(each) for each in (fractions, outputs, slopes))
    if alpha.ndim != 1 or values.shape != alpha.shape or gradients.shape != alpha.shape:
        raise InputError(
            f"path: expected three arrays of one length; received {alpha.shape}, {values.shape}, {gradients.shape}"
        )
    fig, axes = panels(2, 1, (4.4, 2.1)) if ax is None else given(ax, 2)
    above, below = axes
    above.plot(alpha, values, color=OUTPUT)
    above.plot(alpha[[0, -1]], values[[0, -1]], color="black", linewidth=0.8, linestyle="--", label="slope of Rescale")
    above.set(ylabel="output F")
    above.legend()
    below.plot(alpha, gradients, color=SLOPE)
    below.fill_between(alpha, gradients, alpha=0.2, color=SLOPE)
    below.axhline(0, color="black", linewidth=0.8)
    below.set(ylabel="gradient, dF/dα", xlabel="α, from the reference (0) to x (1)")
    titled(above, title)
    return fig, axes
