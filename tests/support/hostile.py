"""Every place of an architecture where Keras makes an object, and what a hostile file would put there.

Run as a program, it tries them all on the Keras that is imported and prints what did not end as it must.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers import read
from deeplift_tf.conversion.readers.building import prepare
from deeplift_tf.conversion.readers.keras2.saved_model import notes_message, read_keras2_saved_model
from deeplift_tf.conversion.readers.untrusted.vocabulary import COMPUTES, RUNS_FOREIGN_CODE
from deeplift_tf.errors import DeepLiftError, UnsafeModelError

Config = dict[str, Any]


@keras.saving.register_keras_serializable("mine")
class Mine(keras.layers.Dense):
    """A layer of the user's, whose config no reader looks into."""

    def __init__(self, units: int, extra: Any = None, **further: Any) -> None:
        super().__init__(units, **further)
        self.extra = keras.saving.deserialize_keras_object(extra) if isinstance(extra, dict) else extra

    def build_from_config(self, config: Config) -> None:
        keras.saving.deserialize_keras_object(config)
        self.build(config["input_shape"])

    def get_config(self) -> Config:
        return {**super().get_config(), "extra": None}


class Place(NamedTuple):
    """A place in a model: the model around a value, a good value, and whether inference drops what stands there."""

    model: Callable[[Any], Config]
    good: Any
    dropped: bool = False


def object_(module: str | None, name: str, config: Any, **further: Any) -> Config:
    return {"module": module, "class_name": name, "config": config, "registered_name": None, **further}


def layer(name: str, **config: Any) -> Config:
    return object_("keras.layers", name, {"name": "evil", **config})


def mine(**config: Any) -> Config:
    return object_("tests", "Mine", {"name": "evil", "units": 4, **config}, registered_name="mine>Mine")


def function(name: str, module: str = "builtins") -> Config:
    return object_(module, "function", name, registered_name=name)


INPUT = object_("keras.layers", "InputLayer", {"name": "in", "batch_shape": [None, 6, 4], "dtype": "float32"})
RELU = function("relu")
DENSE = object_("keras.layers", "Dense", {"name": "inner", "units": 4})
CELL = object_("keras.layers", "LSTMCell", {"name": "cell", "units": 4})
LSTM = object_("keras.layers", "LSTM", {"name": "back", "units": 4, "go_backwards": True})


def stack(*layers: Config) -> Config:
    return object_("keras", "Sequential", {"name": "stack", "layers": [INPUT, *layers]})


def nested(inner: Config) -> Config:
    return stack(object_("keras", "Sequential", {"name": "inside", "layers": [inner]}))


def tensor(name: str) -> Config:
    config = {"shape": [None, 6, 4], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def graph(called: Config, *args: Any, **kwargs: Any) -> Config:
    """One call between the input and a sum with it."""
    first = {**INPUT, "name": "in", "inbound_nodes": []}
    second = {**called, "name": "evil", "inbound_nodes": [{"args": list(args), "kwargs": kwargs}]}
    third = {
        **object_("keras.src.ops.numpy", "Add", {}),
        "name": "sum",
        "inbound_nodes": [{"args": [tensor("evil"), tensor("in")], "kwargs": {}}],
    }
    inner = {"name": "graph", "trainable": True, "layers": [first, second, third]}
    ends = {"input_layers": [["in", 0, 0]], "output_layers": [["sum", 0, 0]]}
    return object_("keras.src.models.functional", "Functional", {**inner, **ends})


def switch(*args: Any) -> Config:
    return graph(object_("keras.src.ops.core", "Switch", {}), *args)


def initializer(name: str, **config: Any) -> Config:
    return object_("keras.initializers", name, config)


UNIFORM = initializer("GlorotUniform", seed=3)
L2 = object_("keras.regularizers", "L2", {"l2": 0.01})
NONNEGATIVE = object_("keras.constraints", "NonNeg", {})
FLOAT32 = object_("keras", "DTypePolicy", {"name": "float32"})
COMPILED = {"optimizer": "adam", "loss": "mse", "metrics": []}

PLACES: dict[str, Place] = {
    "activation": Place(lambda x: stack(layer("Activation", activation=x)), RELU),
    "activation of Dense": Place(lambda x: stack(layer("Dense", units=4, activation=x)), RELU),
    "recurrent activation": Place(lambda x: stack(layer("LSTM", units=4, recurrent_activation=x)), function("tanh")),
    "initializer": Place(lambda x: stack(layer("Dense", units=4, kernel_initializer=x)), UNIFORM, dropped=True),
    "regularizer": Place(lambda x: stack(layer("Dense", units=4, activity_regularizer=x)), L2, dropped=True),
    "constraint": Place(lambda x: stack(layer("Dense", units=4, bias_constraint=x)), NONNEGATIVE, dropped=True),
    "my activation": Place(lambda x: stack(mine(activation=x)), RELU),
    "my initializer": Place(lambda x: stack(mine(kernel_initializer=x)), UNIFORM),
    "my regularizer": Place(lambda x: stack(mine(kernel_regularizer=x)), L2),
    "my constraint": Place(lambda x: stack(mine(bias_constraint=x)), NONNEGATIVE),
    "my argument": Place(lambda x: stack(mine(extra=x)), DENSE),
    "deep in my argument": Place(lambda x: stack(mine(extra={"a": [{"b": x}]})), DENSE),
    "layer": Place(lambda x: stack(x), layer("Dense", units=4)),
    "layer of a nested model": Place(nested, layer("Dense", units=4)),
    "layer of a wrapper": Place(lambda x: stack(layer("TimeDistributed", layer=x)), DENSE),
    "backward layer": Place(
        lambda x: stack(layer("Bidirectional", layer={**LSTM, "config": {"units": 4}}, backward_layer=x)), LSTM
    ),
    "cell": Place(lambda x: stack(layer("RNN", cell=x)), CELL),
    "cell of cells": Place(
        lambda x: stack(layer("RNN", cell=object_("keras.layers", "StackedRNNCells", {"cells": [x]}))), CELL
    ),
    "dtype": Place(lambda x: stack(layer("Dense", units=4, dtype=x)), FLOAT32),
    "dtype policy map": Place(
        lambda x: stack(layer("Dense", units=4, dtype=object_("keras", "DTypePolicyMap", {"policy_map": {"evil": x}}))),
        FLOAT32,
        dropped=True,
    ),
    "quantization": Place(lambda x: stack(mine(extra={"quantization_config": x})), FLOAT32),
    "mask value": Place(lambda x: stack(layer("Masking", mask_value=x)), 0.0),
    "scale": Place(lambda x: stack(layer("Rescaling", scale=x, offset=0.0)), 2.0),
    "seed": Place(lambda x: stack(mine(extra={"a": x})), object_("keras.random", "SeedGenerator", {"seed": 1})),
    "function of a Lambda": Place(lambda x: stack(layer("Lambda", function=x, arguments={})), RELU),
    "argument of a Lambda": Place(lambda x: stack(layer("Lambda", function=RELU, arguments={"max_value": x})), 6.0),
    "output shape of a Lambda": Place(
        lambda x: stack(layer("Lambda", function=RELU, output_shape=x, arguments={})), [6, 4]
    ),
    "build config": Place(
        lambda x: stack({**mine(), "build_config": {"input_shape": [None, 6, 4], "x": x}}), [None, 6, 4]
    ),
    "compile config": Place(
        lambda x: {**stack(layer("Dense", units=4)), "compile_config": {**COMPILED, "loss": x}},
        function("mean_squared_error"),
        dropped=True,
    ),
    "argument of a call": Place(lambda x: graph(layer("Dense", units=4), tensor("in"), training=x), False),
    "argument of an operation": Place(lambda x: graph(object_("keras.src.ops.numpy", "Add", {}), tensor("in"), x), 2.0),
    "branch of a switch on a tensor": Place(lambda x: switch(0, [x], tensor("in")), RELU),
    "branch of a switch on tensor and text": Place(lambda x: switch(0, [x], "TEXT", tensor("in")), RELU),
    "branch of a switch on a text": Place(lambda x: switch(0, [x], "TEXT"), None),
    "branch of a switch on nothing": Place(lambda x: switch(0, [x]), None),
}
FAIL_WHEN_GOOD = {name for name in PLACES if name.startswith("branch of a switch on ") and name[-6:] != "tensor"}

TARGETS = [
    ("os", "system"),
    ("subprocess", "getoutput"),
    ("builtins", "exec"),
    ("builtins", "eval"),
    ("keras.utils", "get_file"),
    ("keras.utils", "load_img"),
    ("keras.utils", "clear_session"),
    ("keras.config", "enable_unsafe_deserialization"),
    ("keras.config", "set_floatx"),
    ("keras.models", "load_model"),
    ("keras.saving", "load_model"),
    ("keras.saving", "register_keras_serializable"),
    ("keras.losses", "deserialize"),
    ("keras.src.utils.file_utils", "get_file"),
    ("keras.src.backend.config", "set_floatx"),
    ("keras.src.saving.saving_lib", "load_model"),
    ("keras.layers", "TFSMLayer"),
    ("keras.callbacks", "LambdaCallback"),
]
CLOAKS = [None, "hard_sigmoid_of_keras_2", "relu", "StoredWeight", "Dense", "mine>Mine"]
"""Names that are known, under which another is looked up by some version."""


HARMLESS = {"builtins", "keras.layers", "keras.models"}
"""Modules that have a Dense, a Sequential or a relu of Keras, which is what such a name then means."""


def payloads(module: str, name: str) -> Iterator[Config]:
    """Ways to write one function or class so that some version of Keras finds it."""
    for cloak in CLOAKS:
        yield object_(module, "function", name, registered_name=cloak or name)
    yield {**object_(module, "function", name, registered_name="relu"), "shared_object_id": 1}
    yield object_("builtins", "function", f"{module}.{name}", registered_name="relu")
    yield object_(module, name, {"name": "evil"})
    yield object_(module, name, {"name": "evil"}, registered_name=name)
    yield {key: item for key, item in object_(module, "function", name).items() if key != "registered_name"}
    if module not in HARMLESS:
        yield object_(module, "function", "relu", registered_name=name)
        for known in ("Dense", "Sequential", "Functional", "relu", "__typespec__", "GlorotUniform"):
            yield object_(module, known, {"name": "evil"}, registered_name=name, spec_name=name)


def all_payloads() -> list[Config]:
    """Every way for the first targets, some for the others."""
    ways = [list(payloads(*target)) for target in TARGETS]
    return [payload for number, way in enumerate(ways) for payload in (way if number < 4 else way[number % 4 :: 5])]


def with_text(config: Config, text: str) -> Config:
    """The config with the text that a command would be called with."""
    done: Config = json.loads(json.dumps(config).replace('"TEXT"', json.dumps(text)))
    return done


def settings() -> tuple[Any, ...]:
    """What a function of keras.config would have changed."""
    from keras.src.saving import serialization_lib

    policy, mode = keras.config.dtype_policy().name, serialization_lib.in_safe_mode()
    return keras.config.floatx(), keras.config.image_data_format(), policy, mode


class Trial:
    """A folder of files that all hold one architecture.

    Parameters
    ----------
    folder : Path
    model : keras.Model
        The good model, of whose weights the files are made.
    """

    def __init__(self, folder: Path, model: keras.Model) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        model.save(folder / "good.keras")
        model.save_weights(folder / "good.weights.h5")
        with h5py.File(folder / "good.h5", "w") as file:
            from keras.src.legacy.saving import legacy_h5_format

            legacy_h5_format.save_weights_to_hdf5_group(file.create_group("model_weights"), model)
            file.attrs["keras_version"] = keras.__version__

    def keras_file(self, config: Config) -> Path:
        with zipfile.ZipFile(self.folder / "good.keras") as old, zipfile.ZipFile(self.folder / "x.keras", "w") as new:
            for name in old.namelist():
                new.writestr(name, json.dumps(config) if name == "config.json" else old.read(name))
        return self.folder / "x.keras"

    def h5_file(self, config: Config) -> Path:
        with h5py.File(self.folder / "good.h5", "r+") as file:
            file.attrs["model_config"] = json.dumps(config)
        return self.folder / "good.h5"

    def pair(self, config: Config) -> tuple[Path, Path]:
        (self.folder / "x.json").write_text(json.dumps(config))
        return self.folder / "x.json", self.folder / "good.weights.h5"

    def sources(self, config: Config) -> Iterator[Any]:
        yield self.keras_file(config)
        yield self.h5_file(config)
        yield self.pair(config)


def live(config: Config) -> keras.Model:
    """The model as Keras makes it, with weights that differ everywhere."""
    model = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    random = np.random.default_rng(5)
    model.set_weights([np.asarray(random.normal(size=weight.shape), weight.dtype) for weight in model.get_weights()])
    return model


resolved: list[Any] = []
"""What Keras has looked up since the last attempt."""


def is_ours(found: Any) -> bool:
    """Whether something that Keras looked up is a class that computes, an activation, or this module's."""
    if isinstance(found, type):
        return issubclass(found, COMPUTES) and found.__name__ not in RUNS_FOREIGN_CODE - {"Lambda"}
    return str(getattr(found, "__module__", "")).startswith(
        ("keras.src.activations", "keras.src.losses", "deeplift_tf")
    )


def watch() -> None:
    """Have Keras note what it looks up."""
    from keras.src.saving import serialization_lib

    original = serialization_lib._retrieve_class_or_fn

    def noting(*args: Any, **kwargs: Any) -> Any:
        resolved.append(original(*args, **kwargs))
        return resolved[-1]

    serialization_lib._retrieve_class_or_fn = noting


def problem(outcome: Callable[[], Any], marker: Path, before: tuple[Any, ...], may_open: bool) -> str | None:
    """What was wrong about the end of one attempt; None where it was refused, or dropped, and nothing happened."""
    try:
        outcome()
    except UnsafeModelError:
        found = None
    except DeepLiftError as error:
        found = None if may_open or "found otherwise" in str(error) else f"refused as {str(error)[-300:]}"
    except BaseException as error:
        found = f"{type(error).__name__}: {str(error)[-300:]}"
    else:
        found = None if may_open else "was opened"
    foreign = [f"{each.__module__}.{each.__name__}" for each in resolved if not is_ours(each)]
    resolved.clear()
    if foreign:
        return f"Keras was led to {foreign} ({found})"
    if marker.exists():
        marker.unlink()
        return f"RAN ({found})"
    return "SETTINGS CHANGED" if settings() != before else found


def attempts(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Try every payload at every place; yield what was tried, and what went wrong."""
    marker = folder / "code_has_run"
    x = np.random.default_rng(1).normal(size=(2, 6, 4)).astype("float32")
    for name, place in PLACES.items():
        trial = Trial(folder / name.replace(" ", "_"), live(place.model(place.good)) if can_be_good(name) else plain())
        if can_be_good(name):
            yield from good_files(name, place, trial, x)
        before = settings()
        for number, payload in enumerate(all_payloads()):
            config = with_text(place.model(payload), f"touch {marker}")
            may_open = place.dropped or name == "dtype"
            found = problem(partial(prepare, config, "x", None, True), marker, before, may_open)
            yield f"{name}: {json.dumps(payload)}", found
            for source in trial.sources(config) if number % 29 == 0 else ():
                found = problem(partial(read, source), marker, before, may_open)
                yield f"{name}: {json.dumps(payload)} in {source}", found
    yield from noted(folder, marker)


def plain() -> keras.Model:
    return live(stack(layer("Dense", units=4)))


def can_be_good(name: str) -> bool:
    return name not in FAIL_WHEN_GOOD


def good_files(name: str, place: Place, trial: Trial, x: np.ndarray[Any, Any]) -> Iterator[tuple[str, str | None]]:
    """A good value at the same place opens from each file and predicts as Keras does."""
    config = place.model(place.good)
    expected = np.asarray(keras.saving.load_model(trial.folder / "good.keras", compile=False)(x))
    for source in trial.sources(config):
        found = None
        try:
            np.testing.assert_allclose(np.asarray(read(source)(x)), expected, rtol=1e-6, atol=1e-6)
        except (DeepLiftError, AssertionError) as error:
            found = str(error)[-600:]
        yield f"{name}: a good value in {source}", found


def noted(folder: Path, marker: Path) -> Iterator[tuple[str, str | None]]:
    """The notes of Keras 2 in a SavedModel."""
    saved = folder / "saved"
    tf.saved_model.save(tf.Module(), saved)
    before = settings()
    for name, place in PLACES.items():
        for module, target in TARGETS[::3]:
            config = with_text(place.model(function(target, module)), f"touch {marker}")
            notes = notes_message()()
            notes.nodes.add(node_id=0, metadata=json.dumps(config))
            (saved / "keras_metadata.pb").write_bytes(notes.SerializeToString())
            found = problem(partial(read_keras2_saved_model, saved, None, True), marker, before, may_open=True)
            yield f"{name}: {module}.{target} in the notes of a SavedModel", found


def keras_runs_it(folder: Path) -> bool:
    """Whether Keras itself runs the command of a file in its safe mode."""
    marker = folder / "keras_has_run"
    payload = object_("os", "function", "system", registered_name="hard_sigmoid_of_keras_2")
    config = with_text(PLACES["branch of a switch on a text"].model(payload), f"touch {marker}")
    config = json.loads(json.dumps(config).replace('["evil", 0, 0]', '["in", 0, 0]'))  # some versions wait for it
    try:
        keras.saving.load_model(Trial(folder, plain()).keras_file(config))
    except Exception as error:
        print(f"Keras: {type(error).__name__}", file=sys.stderr)
    return marker.exists()


if __name__ == "__main__":
    watch()
    tried = list(attempts(Path(sys.argv[1])))
    wrong = [f"{what}\n    {found}" for what, found in tried if found is not None]
    runs = keras_runs_it(Path(sys.argv[1]))
    found = [each for each in resolved if not is_ours(each)]
    print(
        json.dumps({"keras": keras.__version__, "tried": len(tried), "wrong": wrong, "runs": runs, "led": bool(found)})
    )
