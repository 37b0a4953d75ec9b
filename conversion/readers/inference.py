"""Architectures reduced to what inference needs, in float32.

Initializers, regularizers and constraints are the training's business: what a file says of them is dropped, custom
ones included. In the place of each initializer stands `STORED_WEIGHT`, whose zeros the file's weights replace.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras

from deeplift_tf.conversion.readers.keras2.legacy_layers import LEGACY_LAYERS
from deeplift_tf.conversion.readers.keras2.upgrades import function_config
from deeplift_tf.conversion.readers.untrusted.vocabulary import RUNS_FOREIGN_CODE, CustomObjects, find, known_class

Config = dict[str, Any]

STORED_WEIGHT = "StoredWeight"
"""Class name of the initializer that `readers.building` supplies."""

TRAINING_ONLY = ("_regularizer", "_constraint")
INITIALIZER = "_initializer"
LOW_PRECISION = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")
QUANTIZED = "_from_"
"""In the name of a policy such as ``int8_from_float32``."""


def for_inference(config: Any, custom: CustomObjects, keep_quantized: bool = False) -> Any:
    """Return the architecture without its training settings.

    Parameters
    ----------
    config : dict
        As Keras 3 writes it; not changed.
    custom : mapping
        What the user supplied: these layers keep their own config, and a Lambda layer whose name is among them
        computes the function given.
    keep_quantized : bool, default=False
        Leave quantised weights in the layout of the file; what they are multiplied with is float32 either way.

    Returns
    -------
    dict
        A new config.
    """
    if isinstance(config, list):
        return [for_inference(item, custom, keep_quantized) for item in config]
    if not isinstance(config, dict):
        return config
    if is_policy(config):
        return _policy(config, keep_quantized)
    new = {key: for_inference(item, custom, keep_quantized) for key, item in config.items()}
    if isinstance(new.get("dtype"), str):
        new["dtype"] = _float32(new["dtype"])
    if isinstance(new.get("class_name"), str) and isinstance(new.get("config"), dict):
        new.pop("compile_config", None)
        _layer(new, custom, keep_quantized)
    return new


def is_policy(value: Any) -> bool:
    """Whether a JSON value is a serialised dtype policy, of Keras 2 or 3."""
    name = value.get("class_name") if isinstance(value, dict) else None
    is_known = isinstance(name, str) and (name.endswith("DTypePolicy") or name in ("Policy", "PolicyV1"))
    return is_known or name == "DTypePolicyMap"


def _policy(policy: Config, keep_quantized: bool) -> Any:
    inner = policy.get("config")
    if not isinstance(inner, dict):
        return "float32"
    if policy["class_name"] == "DTypePolicyMap":
        return _policy_map(policy, inner, keep_quantized)
    if "mode" not in inner:
        return _float32(inner.get("name"))
    if not keep_quantized:
        return "float32"
    return {**policy, "config": {**inner, "source_name": "float32"}}


def _policy_map(policy: Config, inner: Config, keep_quantized: bool) -> Any:
    """Reduce the policies of sublayers, by name."""
    if not keep_quantized:
        return "float32"
    policies = {key: for_inference(value, {}, True) for key, value in (inner.get("policy_map") or {}).items()}
    return {**policy, "config": {**inner, "policy_map": policies, "default_policy": "float32"}}


def _float32(name: Any) -> Any:
    is_low = name is None or name in LOW_PRECISION or (isinstance(name, str) and QUANTIZED in name)
    return "float32" if is_low else name


def _layer(layer: Config, custom: CustomObjects, keep_quantized: bool) -> None:
    """Reduce one layer of Keras in place; a layer of the user's is not looked into."""
    name, inner = layer["class_name"], layer["config"]
    if name in LEGACY_LAYERS:
        kind: Any = LEGACY_LAYERS[name]
    elif find(custom, layer.get("registered_name"), name) is not None:
        return
    else:
        kind = known_class(layer.get("module"), name)
    if kind is None or not issubclass(kind, keras.Layer):
        return
    if name in RUNS_FOREIGN_CODE:
        if name == "Lambda" and find(custom, inner.get("name")) is not None:
            inner.update(function=function_config(inner["name"]))
            inner.pop("output_shape", None)
        return
    for key in [key for key in inner if key.endswith((*TRAINING_ONLY, INITIALIZER))]:
        del inner[key]
    for key in inspect.signature(kind.__init__).parameters:
        if key.endswith(INITIALIZER):
            inner[key] = {"class_name": STORED_WEIGHT, "config": {"layer": str(inner.get("name"))}}
    if "unroll" in inner:
        inner["unroll"] = False  # the same numbers, without a graph that grows with the length
    if "stateful" in inner:
        inner["stateful"] = False  # states start from zero, and need no variables as large as a batch
    if not keep_quantized:
        inner.pop("quantization_config", None)
