"""Diagnosis of an installation: packages, devices, self-test. Needs no extra, not even that of the command line."""

from __future__ import annotations

import json
import re
from importlib import metadata
from typing import Any, NamedTuple

from deeplift_tf.cli.quiet import import_tensorflow
from deeplift_tf.cli.versions import version_of, versions

DISTRIBUTION = "deeplift-tf"
FOR_DEVELOPERS = {"test", "dev", "docs"}


class Diagnosis(NamedTuple):
    """What was found.

    Attributes
    ----------
    versions : dict of str to str
    devices : list of str
    optional : dict of str to dict
        For each package that an extra brings: its version, None where it is not installed, and the extras.
    self_test : dict or None
        See `SelfTest`; None where it could not be run.
    problems : list of str
        Empty where all is well.
    """

    versions: dict[str, str]
    devices: list[str]
    optional: dict[str, dict[str, Any]]
    self_test: dict[str, Any] | None
    problems: list[str]


def run(as_json: bool) -> int:
    """Print a diagnosis; return the exit code, 1 where there are problems."""
    found = diagnose()
    print(json.dumps(found._asdict(), indent=2) if as_json else text(found))
    return 1 if found.problems else 0


def diagnose() -> Diagnosis:
    """Look at everything; a part that fails becomes a problem, and the others are looked at all the same."""
    devices, problems = [], []
    tested: dict[str, Any] | None = None
    try:
        devices = devices_found()
        tested = tested_itself()
    except Exception as error:  # a broken installation may raise anything, anywhere
        problems.append(f"{type(error).__name__}: {error}")
    if tested and not tested["passed"]:
        problems.append("the self-test's errors are above 1e-4")
    return Diagnosis(versions(), devices, optional_parts(), tested, problems)


def devices_found() -> list[str]:
    """Return the devices that TensorFlow sees, by type and name."""
    import_tensorflow()
    import tensorflow as tf

    details = tf.config.experimental.get_device_details
    return [
        " ".join(filter(None, [device.name.partition(":")[2], details(device).get("device_name")]))
        for device in tf.config.list_physical_devices()
    ]


def tested_itself() -> dict[str, Any]:
    """Return what the self-test found."""
    from deeplift_tf.conversion.self_test import self_test

    found = self_test()
    return {"passed": found.passed} | found._asdict()


def optional_parts() -> dict[str, dict[str, Any]]:
    """Return the packages that the extras bring, as the installed metadata lists them; none where there is none."""
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    parts: dict[str, dict[str, Any]] = {}
    for requirement in requirements:
        name, extra = re.match(r"[\w.-]+", requirement), re.search(r"extra == ['\"]([\w.-]+)", requirement)
        if not name or not extra or name[0] == DISTRIBUTION or extra[1] in FOR_DEVELOPERS:
            continue
        version = version_of(name[0])
        part = parts.setdefault(name[0], {"version": None if version == "not installed" else version, "extras": []})
        part["extras"].append(extra[1])
    return parts


def text(found: Diagnosis) -> str:
    """Return a diagnosis as lines to read."""
    lines = [*table(found.versions), "", "devices: " + (", ".join(found.devices) or "none"), "", "optional parts:"]
    lines += table(
        {
            f"  {name}": part["version"] or f"not installed; pip install '{DISTRIBUTION}[{part['extras'][0]}]'"
            for name, part in sorted(found.optional.items())
        }
    ) or ["  unknown, as the package itself was not installed by pip"]
    if test := found.self_test:
        errors = f"{test['prediction_error']:.1g} in predictions, {test['relative_delta']:.1g} in sum-to-delta"
        lines += ["", f"self-test: {test['seconds']:.1f} s; relative errors: {errors}"]
    return "\n".join([*lines, "", *([f"problem: {each}" for each in found.problems] or ["no problem was found"])])


def table(rows: dict[str, str]) -> list[str]:
    """Return a line for each pair, in two columns."""
    width = max(map(len, rows), default=0)
    return [f"{name:{width}}  {value}" for name, value in rows.items()]
