"""TensorFlow functions that tf.keras 2.4 to 2.15 recorded in a functional model, as the operations of keras.ops.

`x * 0.5` or `tf.concat([x, y], -1)` outside any layer became a layer of the class TFOpLambda, `x[:, 1:]` one of the
class SlicingOpLambda (keras-team/keras#20081). Keras 3 records the same as operations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from deeplift_tf.conversion.readers.keras2.upgrades import LayerRetiredError

Config = dict[str, Any]


class Replacement(NamedTuple):
    """An operation of Keras 3; which arguments of TensorFlow are inputs, and which are settings under another name."""

    operation: str
    inputs: str = ""
    settings: dict[str, str] = {}  # noqa: RUF012  # an empty one, never written to


AXIS = {"axis": "axis"}
REDUCTION = {"axis": "axis", "keepdims": "keepdims"}

REPLACEMENTS = {
    **{f"{where}.add": Replacement("Add", "y") for where in ("math", "__operators__")},
    "math.subtract": Replacement("Subtract", "y"),
    "math.multiply": Replacement("Multiply", "y"),
    "math.truediv": Replacement("TrueDivide", "y"),
    "math.divide": Replacement("TrueDivide", "y"),
    "math.maximum": Replacement("Maximum", "y"),
    "math.minimum": Replacement("Minimum", "y"),
    "math.pow": Replacement("Power", "y"),
    "math.negative": Replacement("Negative"),
    "math.abs": Replacement("Absolute"),
    "math.square": Replacement("Square"),
    "math.sqrt": Replacement("Sqrt"),
    "math.exp": Replacement("Exp"),
    "math.log": Replacement("Log"),
    "math.sigmoid": Replacement("Sigmoid"),
    "math.tanh": Replacement("Tanh"),
    "math.softplus": Replacement("Softplus"),
    "nn.relu": Replacement("Relu"),
    "nn.relu6": Replacement("Relu6"),
    "nn.softmax": Replacement("Softmax", settings=AXIS),
    "math.reduce_mean": Replacement("Mean", settings=REDUCTION),
    "math.reduce_sum": Replacement("Sum", settings=REDUCTION),
    "math.reduce_max": Replacement("Max", settings=REDUCTION),
    "math.reduce_min": Replacement("Min", settings=REDUCTION),
    "concat": Replacement("Concatenate", settings=AXIS),
    "stack": Replacement("Stack", settings=AXIS),
    "expand_dims": Replacement("ExpandDims", settings=AXIS),
    **{name: Replacement("Squeeze", settings=AXIS) for name in ("squeeze", "compat.v1.squeeze")},
    "reshape": Replacement("Reshape", settings={"shape": "newshape"}),
    **{name: Replacement("Transpose", settings={"perm": "axes"}) for name in ("transpose", "compat.v1.transpose")},
    "cast": Replacement("Cast", settings={"dtype": "dtype"}),
    "clip_by_value": Replacement("Clip", settings={"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "linalg.matmul": Replacement("Matmul", "b"),
    "__operators__.getitem": Replacement("GetItem", "slice_spec"),
}
"""By the name that the file gives the function."""


def replaced(function: Any, calls: list[Config]) -> tuple[str, Config, list[Config]]:
    """Tell one recorded function the way Keras 3 does.

    Parameters
    ----------
    function : str
        Its name in TensorFlow, without ``tf.``.
    calls : list of dict
        With ``args`` and ``kwargs``.

    Returns
    -------
    tuple[str, dict, list of dict]
        Class name and settings of the operation, and its calls.

    Raises
    ------
    LayerRetiredError
        If the function, or one of its arguments, is not known.
    """
    known = REPLACEMENTS.get(function) if isinstance(function, str) else None
    if known is None:
        raise LayerRetiredError(f"the TensorFlow function {function!r}, which was applied outside a layer")
    told = [_call(known, str(function), call) for call in calls]
    if not told or any(settings != told[0][0] for settings, _ in told):
        raise LayerRetiredError(f"the TensorFlow function {function!r}, applied with several settings")
    return known.operation, told[0][0], [call for _, call in told]


def _call(known: Replacement, function: str, call: Config) -> tuple[Config, Config]:
    given = {key: value for key, value in call["kwargs"].items() if value is not None and value is not False}
    given.pop("name", None)
    inputs = [_index(given.pop(key)) for key in known.inputs.split() if key in given]
    settings = {new: given.pop(old) for old, new in known.settings.items() if old in given}
    if given:
        raise LayerRetiredError(f"the TensorFlow function {function!r} with {sorted(given)}")
    return settings, {"args": [*call["args"], *inputs], "kwargs": {}}


def _index(value: Any) -> Any:
    """Return a slice as Keras 3 writes it."""
    if isinstance(value, list):
        return [_index(item) for item in value]
    if isinstance(value, dict) and set(value) == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": value}
    if isinstance(value, dict) and value.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return value
