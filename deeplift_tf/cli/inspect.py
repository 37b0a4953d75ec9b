"""``deeplift-tf inspect``: the layers of a model, and how well the network matches it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deeplift_tf.cli.once import Command
from deeplift_tf.cli.options import model_options, opened, parse_models, saved_model
from deeplift_tf.cli.quiet import import_tensorflow
from deeplift_tf.cli.saying import say
from deeplift_tf.printable import text_table

if TYPE_CHECKING:
    from deeplift_tf.network import Network

COLUMNS = ("name", "class", "kind", "rule", "output shape", "")


@click.command(cls=Command)
@click.argument("model", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), callback=parse_models)
@click.option("--check", is_flag=True, help="Compare with the model's own predictions, on random input.")
@click.option(
    "--length", type=click.IntRange(min=1), help="Of the input in --check, where the model takes any.  [default: found]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@model_options
def inspect(model: tuple[Path, ...], check: bool, length: int | None, as_json: bool, **others: Any) -> None:
    """List the layers of MODEL, or of the mean of several: class, kind, rule, output shape, exact or approximate.

    Of a folder that `deeplift-tf export` has written, print what it computes and what it was made from.
    """
    if length is not None and not check:
        raise click.UsageError("--length is for --check")
    if not check and others["signature"] is None and (found := exported(model)) is not None:
        say(json.dumps({"exported": found}, indent=2) if as_json else about(found))
        return
    network = opened(saved_model(model, others))
    layers = [row._asdict() for row in network.table()]
    if not as_json:
        print_layers(layers)
    report = checked(network, length) if check else None
    if as_json:
        say(json.dumps({"layers": layers} | ({"check": report} if report else {}), indent=2))
    elif report:
        print_report(report)


def exported(model: tuple[Path, ...]) -> dict[str, Any] | None:
    """Return what the folder of an exported function says about itself; None for anything else."""
    if len(model) > 1 or not model[0].is_dir():
        return None
    import_tensorflow()
    from deeplift_tf.serving.provenance import provenance

    return provenance(model[0])


def about(found: dict[str, Any]) -> str:
    """Return the facts about an exported function as lines to read."""
    lines = ["a scoring function, as `deeplift-tf export` writes it"]
    for name, value in found.items():
        if value in (None, [], {}, False):
            continue
        several = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, dict) for each in value))
        lines += [f"{name}:", *inside(value)] if several else [f"{name}: {shown(value)}"]
    return "\n".join(lines)


def inside(value: Any) -> list[str]:
    """Return a line for each entry of a list or an object."""
    entries = [f"{key}: {shown(each)}" for key, each in value.items()] if isinstance(value, dict) else map(shown, value)
    return [f"  {each}" for each in entries]


def shown(value: Any) -> str:
    """Return a value in one line."""
    if isinstance(value, list) and not any(isinstance(each, (list, dict)) for each in value):
        return ", ".join(map(shown, value))
    return value if isinstance(value, str) else json.dumps(value)


def checked(network: Network, length: int | None) -> dict[str, Any]:
    """Return what a check of the network against its model found."""
    report = network.check(length=length)
    return {
        "passed": bool(report.passed),
        "prediction_error": float(report.prediction_error),
        "tolerance": report.tolerance,
        "relative_delta": report.relative_delta,
        "worst_layer": report.worst_layer,
        "notes": list(report.notes),
        "errors": report.errors,
        "layers": report.layers,
    }


def print_layers(layers: list[dict[str, Any]]) -> None:
    """Print a table with one line for each layer."""
    rows = [
        (
            *(str(layer[key]) for key in ("name", "keras_class", "kind", "rule", "output_shape")),
            "exact" if layer["exact"] else "approximate",
        )
        for layer in layers
    ]
    say(text_table(COLUMNS, rows))
    approximate = sum(not layer["exact"] for layer in layers)
    say(f"layers: {len(layers)}, of which approximate: {approximate}")


def print_report(report: dict[str, Any]) -> None:
    """Print what a check found."""
    say("on random input of several scales, with a random reference for each row:")
    say(f"largest difference to the model's own predictions, relative: {report['prediction_error']:.2g}")
    if report["relative_delta"] is None:
        say("sum-to-delta error: not measured")
    else:
        say(f"largest sum-to-delta error, relative to the difference in output: {report['relative_delta']:.2g}")
    for name, error in report.get("layers", {}).items():
        say(f"layer {name!r} differs by {error:.2g} of its largest value")
    if report["worst_layer"]:
        say(f"the largest gap arises in layer {report['worst_layer']!r}")
    for note in report["notes"]:
        say(f"note: {note}")
