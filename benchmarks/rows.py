"""The rows of the tables: what each of them is called, what it is a multiple of, and what is aimed at.

A row of this package is one line here, and one in `ours.Ours.things`.
"""

from __future__ import annotations

from typing import NamedTuple

Aims = dict[str, float]  # by network
FOUR = ("basset", "bpnet", "vgg", "resnet50")


class Row(NamedTuple):
    """A row about this package; its ratio is the time of `of` over that of `calls` times `over`.

    Attributes
    ----------
    title : str
    aims : dict of str to float
        For the ratio.
    of : str
        The thing that is timed; empty where it has the row's own name.
    over : str
        The thing whose time is one.
    calls : int
    brief : bool
        Whether README.md has the row.
    """

    title: str
    aims: Aims
    of: str = ""
    over: str = "gradient"
    calls: int = 1
    brief: bool = True


class PeerRow(NamedTuple):
    """A row about another package.

    Attributes
    ----------
    title : str
    framework : str
        Whose process times it.
    ours : str
        The row of this package that it is compared to, for a pair.
    aims : dict of str to float
        How many times as long as ours it should take.
    """

    title: str
    framework: str
    ours: str
    aims: Aims


SHARED = {"basset": 1.0, "bpnet": 0.6, "vgg": 1.1, "resnet50": 1.0}
GENOMICS = {"basset": 1.1, "bpnet": 0.65, "vgg": 1.15, "resnet50": 1.05}
REVEAL_CANCEL = {"basset": 2.1, "bpnet": 1.3, "vgg": 2.35, "resnet50": 2.2}
ROWS = {
    "predict": Row("prediction", {}, brief=False),
    "gradient": Row("gradient x input", {}, brief=False),
    "own_gradient": Row("gradient rule, our network", {}, brief=False),
    "rescale": Row("Rescale, shared reference", SHARED),
    "rescale_new": Row("Rescale, shared, another reference each call", SHARED),
    "rescale_each": Row("Rescale, one reference each", {"basset": 1.4, "bpnet": 0.8, "vgg": 1.55, "resnet50": 1.5}),
    "rescale_20": Row(
        "Rescale, 20 references each, a pair", {"basset": 1.05, "bpnet": 0.65, "vgg": 1.1, "resnet50": 1.1}
    ),
    "rescale_20_shared": Row("Rescale, 20 shared references, a pair", {}),
    "genomics_default": Row("genomics default, shared", GENOMICS),
    "reveal_cancel": Row("RevealCancel everywhere, shared", REVEAL_CANCEL),
    "rescale_xla": Row("Rescale, shared, with XLA", SHARED),
    "genomics_default_xla": Row("genomics default, shared, with XLA", GENOMICS),
    "reveal_cancel_xla": Row("RevealCancel everywhere, shared, with XLA", REVEAL_CANCEL),
    "ten_targets": Row(
        "10 targets in one call, against 10",
        {"basset": 0.55, "bpnet": 0.6, "vgg": 0.55, "resnet50": 0.6},
        over="one_of_ten",
        calls=10,
    ),
    "against_own": Row(
        "Rescale, shared, against our gradient rule", dict.fromkeys(FOUR, 1.1), of="rescale", over="own_gradient"
    ),
}
PEER_ROWS = {
    "shap_20": PeerRow("SHAP DeepExplainer, 20 shared", "shap", "rescale_20_shared", dict.fromkeys(FOUR, 2.3)),
    "captum_each": PeerRow(
        "Captum DeepLift, one each", "torch", "rescale_each", {"basset": 4.0, "bpnet": 4.0, "vgg": 3.0, "resnet50": 3.0}
    ),
    "captum_20": PeerRow(
        "Captum DeepLiftShap, 20 shared", "torch", "rescale_20_shared",
        {"basset": 4.0, "bpnet": 4.0, "vgg": 3.0, "resnet50": 3.0},
    ),
    "tangermeme_20": PeerRow(
        "tangermeme deep_lift_shap, 20 each", "torch", "rescale_20", {"basset": 4.0, "bpnet": 4.0}
    ),
}  # fmt: skip
OWN = ("own_gradient", "rescale", "rescale_each", "reveal_cancel")
ARCHITECTURES = ("gradient", *OWN, "rescale_xla", "reveal_cancel_xla")
"""What is measured of networks that are not compared with other packages."""
BRIEF = [name for name, row in ROWS.items() if row.brief]
