"""Keras layers as traced functions of tensors, for the Path kind."""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplift_tf.conversion.readers.inference import STORED_WEIGHT, is_policy
from deeplift_tf.conversion.readers.quantized import dequantize, holds_quantized, states_of
from deeplift_tf.conversion.readers.untrusted.errors import own_error
from deeplift_tf.conversion.tf_graph.from_python import tables_in
from deeplift_tf.conversion.tf_graph.inlining import CHANGING
from deeplift_tf.errors import DeepLiftError, DeepLiftWarning, UnsupportedLayerError


@dataclasses.dataclass(frozen=True, eq=False)
class TracedFunction:
    """A traced function with what it reads, which TensorFlow itself would let go.

    Attributes
    ----------
    function : tf.types.experimental.ConcreteFunction
    variables : tuple of tf.Variable
    owner : keras.Layer
        Contains lookup tables, which are not variables.
    rows : int or None
        The number of rows that the function takes, if it takes no other.
    """

    function: Any
    variables: tuple[Any, ...]
    owner: Any = None
    rows: int | None = None

    def __reduce__(self) -> Any:
        return restored, (as_saved(self), self.rows)

    @property
    def tables(self) -> tuple[Any, ...]:
        """The tables of words that the function looks up, which an export has to hold."""
        return tables_in(self.owner)

    def __call__(self, *inputs: tf.Tensor) -> Any:
        """Return what the function gives for tensors of shape (rows, ...)."""
        return self.function(*inputs) if self.rows is None else self.in_parts(self.rows, *inputs)

    def in_parts(self, size: int, *inputs: tf.Tensor) -> Any:
        """Return what the function gives for parts of so many rows, the last one filled up with its last row."""
        rows = tf.shape(inputs[0])[0]
        parts = (rows + size - 1) // size
        index = tf.minimum(tf.range(parts * size), rows - 1)

        def split(x: tf.Tensor) -> tf.Tensor:
            return tf.reshape(tf.gather(x, index), tf.concat([[parts, size], tf.shape(x)[1:]], 0))

        def whole(y: tf.Tensor) -> tf.Tensor:
            return tf.reshape(y, tf.concat([[parts * size], tf.shape(y)[2:]], 0))[:rows]

        made = tf.map_fn(
            lambda part: self.function(*part),
            tuple(split(tf.ensure_shape(x, [None, *x.shape[1:]])) for x in inputs),
            fn_output_signature=tf.nest.map_structure(
                lambda y: tf.TensorSpec(y.shape, y.dtype), self.function.structured_outputs
            ),
        )
        outputs = tf.nest.map_structure(whole, made)
        expected = self.function.structured_outputs
        return tf.nest.map_structure(lambda y, spec: tf.ensure_shape(y, [None, *spec.shape[1:]]), outputs, expected)


def as_saved(traced: TracedFunction) -> dict[str, bytes]:
    """Return the files of a SavedModel of a traced function, by their paths: what TensorFlow keeps of one."""
    module, function = tf.Module(), traced.function
    specs = [tf.TensorSpec(spec.shape, spec.dtype) for spec in tf.nest.flatten(function.structured_input_signature)]
    module.function = tf.function(lambda *x: function(*x), input_signature=specs, autograph=False)
    module.variables_read, module.owner = list(traced.variables), traced.owner
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, options=tf.saved_model.SaveOptions(experimental_custom_gradients=True))
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def restored(files: Mapping[str, bytes], rows: int | None) -> TracedFunction:
    """Return a traced function from what `as_saved` gives."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        module = tf.saved_model.load(folder)
    function = module.function.concrete_functions[0]
    specs = tf.nest.flatten(function.structured_input_signature)
    made = tf.function(lambda *x: module.function(*x), input_signature=specs, autograph=False).get_concrete_function()
    return TracedFunction(made, tuple(made.variables), module, rows)


def traced(
    operation: Any,
    call: Callable[..., Any],
    specs: Sequence[tf.TensorSpec],
    dtype: tf.DType,
    fixed_rows: int | None = None,
    declared: Sequence[tf.DType] = (),
) -> tuple[TracedFunction, int | None]:
    """Trace one use of a Keras layer or operation.

    The trace is of a copy in the dtype of the network, so that the network is independent of the model; a layer that
    cannot be copied is traced as it is, in its own dtype.

    Parameters
    ----------
    operation : keras.Layer or keras.Operation
    call : callable
        (operation, *tensors) -> outputs, with the further arguments of this use.
    specs : sequence of tf.TensorSpec
    dtype : tf.DType
    fixed_rows : int, optional
        The number of rows that its code is written for, if it runs on no other.
    declared : sequence of tf.DType
        Of the outputs, as far as Keras declares floats: a lookup that encodes makes integers all the same.

    Returns
    -------
    function : TracedFunction
    outputs : int or None
        How many the function returns as a tuple; None for a single tensor.

    Raises
    ------
    UnsupportedLayerError
        If it cannot be traced.
    """
    if fixed_rows is not None:
        specs = [tf.TensorSpec([fixed_rows, *spec.shape[1:]], spec.dtype) for spec in specs]
    copied = copy_in(operation, dtype)
    candidates = [(copied, dtype)] if copied is not operation or not isinstance(operation, keras.Layer) else []
    for layer, own in [*candidates, (operation, _dtype_of(operation, tf.float32))]:
        try:
            function = concrete(layer, call, specs, own, dtype, declared)
            break
        except DeepLiftError:
            raise
        except Exception as problem:  # any layer, with any code of a user's in it
            error = problem
    else:
        kind = type(operation).__name__
        raise UnsupportedLayerError(f"layer {operation.name!r} ({kind}) cannot be traced: {error}") from error
    outputs = function.structured_outputs
    made = TracedFunction(function, tuple(function.variables), layer, fixed_rows)
    return made, len(outputs) if isinstance(outputs, tuple) else None


def assigning(function: Any) -> list[str]:
    """Return the names of the operations by which a traced function changes variables."""
    definition = function.graph.as_graph_def()
    bodies = [definition.node, *(body.node_def for body in definition.library.function)]
    return [node.name for nodes in bodies for node in nodes if node.op.startswith(CHANGING)]


def concrete(
    layer: Any,
    call: Callable[..., Any],
    specs: Sequence[tf.TensorSpec],
    own: tf.DType,
    dtype: tf.DType,
    declared: Sequence[tf.DType] = (),
) -> Any:
    """Trace a layer that computes in a dtype of its own."""

    def run(*inputs: tf.Tensor) -> Any:
        outputs = call(layer, *(_cast(x, own) for x in inputs))
        flat = tuple(_cast(y, dtype) for y in keras.tree.flatten(outputs))
        if len(declared) == len(flat):
            flat = tuple(tf.cast(y, dtype) if d.is_floating else y for y, d in zip(flat, declared, strict=True))
        return flat[0] if len(flat) == 1 else flat

    return tf.function(run, input_signature=list(specs), autograph=False).get_concrete_function()


def copy_in(operation: Any, dtype: tf.DType, **changes: Any) -> Any:
    """Return a copy of a layer with the same weights that computes in a dtype; the layer itself if that fails."""
    if not isinstance(operation, keras.Layer) or isinstance(operation, keras.layers.Lambda):
        return operation  # a copy of a user's function would not know the names around it
    if hasattr(operation, "get_vocabulary"):
        return operation  # a table is filled when its file is read, or by `adapt`: a copy would have an empty one
    own = {"dtype": dtype.name} if _dtype_of(operation, dtype).is_floating else {}  # what makes integers goes on to
    try:
        copied = type(operation).from_config({**_with_dtype(operation.get_config(), dtype.name), **own, **changes})
        copied.build_from_config(operation.get_build_config() or {})
        _enable_lora(operation, copied)
        if not holds_quantized(operation) and not is_stateful(operation):
            copied.set_weights(operation.get_weights())
            return copied
    except DeepLiftError:
        raise
    except Exception as error:  # a layer without a config that makes it again: trace the one that there is
        if own_problem := own_error(error):  # Keras has put its own error around ours
            raise own_problem from error
        return operation
    dequantize(operation, copied, f"layer {operation.name!r}")
    return copied


def as_scored(operation: Any, dtype: tf.DType) -> Any:
    """Return a layer, or a copy of it: of a quantised one in floats, of a stateful RNN one that starts from zeros.

    Raises
    ------
    UnsupportedLayerError
        If a quantised layer cannot be copied: integers must not be read as weights.
    """
    warn_of_states(operation)
    if not holds_quantized(operation) and not is_stateful(operation):
        return operation
    copied = copy_in(operation, dtype)
    if holds_quantized(copied):
        raise UnsupportedLayerError(
            f"{type(operation).__name__} is quantised and cannot be copied: expected a get_config and a "
            "get_build_config that make it again. Convert the model as it was before model.quantize()"
        )
    return copied


def is_stateful(operation: Any) -> bool:
    """Whether a layer, or a layer that it holds, is an RNN that keeps its states from one call to the next."""
    return isinstance(operation, keras.Layer) and any(
        isinstance(layer, keras.layers.RNN) and layer.stateful for layer in operation._flatten_layers()
    )


def warn_of_states(operation: Any) -> None:
    """Warn if a stateful RNN has states that scores do not start from."""
    for layer in operation._flatten_layers() if is_stateful(operation) else ():
        if any(np.any(np.asarray(state)) for state in states_of(layer)):
            warnings.warn(
                f"layer {layer.name!r} ({type(layer).__name__}) holds states of earlier calls; predictions and scores "
                "start from zero states, as the model does after reset_states()",
                DeepLiftWarning,
                stacklevel=2,
            )


def _enable_lora(source: Any, target: Any) -> None:
    """Enable LoRA in the layers of a copy if the original has it; configs do not record it."""
    for old, new in zip(source._flatten_layers(), target._flatten_layers(), strict=True):
        if getattr(old, "lora_enabled", False) and not new.lora_enabled:
            further = {"lora_alpha": old.lora_alpha} if hasattr(old, "lora_alpha") else {}
            new.enable_lora(old.lora_rank, **further)


def _with_dtype(config: Any, name: str) -> Any:
    """Return a config whose layers inside compute in a dtype of floats, whatever their policies say.

    Initializers that only a file's reader knows become zeros, and no RNN keeps its states.
    """
    if isinstance(config, list | tuple):
        return type(config)([_with_dtype(each, name) for each in config])
    if not isinstance(config, dict):
        return config
    if is_policy(config):
        source = str((config.get("config") or {}).get("name", "float"))
        return name if "float" in source or config["class_name"] == "DTypePolicyMap" else config
    if config.get("class_name") == STORED_WEIGHT:
        return "zeros"
    further: dict[str, Any] = {"quantization_config": None} if config.get("quantization_config") else {}
    further |= {"stateful": False} if config.get("stateful") is True and "return_sequences" in config else {}
    return {key: _with_dtype(each, name) for key, each in config.items()} | further


def _cast(tensor: Any, dtype: tf.DType) -> Any:
    return tf.cast(tensor, dtype) if tensor.dtype.is_floating and tensor.dtype != dtype else tensor


def _dtype_of(layer: Any, default: tf.DType) -> tf.DType:
    own = getattr(layer, "compute_dtype", None)
    return tf.as_dtype(own) if own else default
