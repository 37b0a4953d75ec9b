"""The modes of deeplift, and the rules that they mean."""

from __future__ import annotations

from enum import Enum

from deeplift_tf.errors import RuleError


class NonlinearMxtsMode(str, Enum):
    """How the multipliers of nonlinearities are found."""

    Gradient = "Gradient"
    Rescale = "Rescale"
    DeconvNet = "DeconvNet"
    GuidedBackprop = "GuidedBackprop"
    GuidedBackpropRescale = "GuidedBackpropRescale"
    RevealCancel = "RevealCancel"
    PassThrough = "PassThrough"
    DeepLIFT_GenomicsDefault = "DeepLIFT_GenomicsDefault"


class DenseMxtsMode(str, Enum):
    """Of dense layers there is one."""

    Linear = "Linear"


class ConvMxtsMode(str, Enum):
    """Of convolutions there is one."""

    Linear = "Linear"


class MaxPoolDeepLiftMode(str, Enum):
    """Accepted, and without effect: the multipliers of max pooling sum to the difference here."""

    gradient = "gradient"


class ScoringMode(str, Enum):
    """What a target is: one unit of a layer."""

    OneAndZeros = "OneAndZeros"


RULES = {
    NonlinearMxtsMode.Gradient: "gradient",
    NonlinearMxtsMode.Rescale: "rescale",
    NonlinearMxtsMode.DeconvNet: "deconvnet",
    NonlinearMxtsMode.GuidedBackprop: "guided_backprop",
    NonlinearMxtsMode.RevealCancel: "reveal_cancel",
    NonlinearMxtsMode.DeepLIFT_GenomicsDefault: "genomics_default",
}


def rule_of(mode: str) -> str:
    """Return the rule of a mode.

    Raises
    ------
    RuleError
        For the modes that have none here.
    """
    try:
        return RULES[NonlinearMxtsMode(mode)]
    except (KeyError, ValueError) as error:
        raise RuleError(f"nonlinear_mxts_mode: expected one of {', '.join(RULES)}; received {mode!r}") from error
