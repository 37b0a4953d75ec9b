"""SavedModel folders: the graph of one signature, read without loading the SavedModel.

`tf.saved_model.load` runs initialisers while it loads, and refuses some folders for the sake of optimizer slots. Here
saved_model.pb is parsed, checked, and read; the weights come from the checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from deeplift_tf.conversion.readers.graph_model import GraphModel, needed, node_of
from deeplift_tf.conversion.readers.saved_functions import described, function_model, traces_of
from deeplift_tf.conversion.readers.saved_tables import tables_of
from deeplift_tf.conversion.readers.saved_variables import SavedVariables, keys_of
from deeplift_tf.conversion.readers.untrusted.errors import reading
from deeplift_tf.conversion.readers.untrusted.limits import MAX_GRAPH_BYTES
from deeplift_tf.conversion.readers.untrusted.saved_model_safety import FILES, check_operations
from deeplift_tf.errors import ModelFileError, UnsupportedLayerError

FILE = "saved_model.pb"
SERVING = "serving_default"
TAG = "serve"


def is_saved_model(path: Path) -> bool:
    """Whether a folder is a SavedModel."""
    return (path / FILE).is_file()


def read_saved_model(path: Path, safe_mode: bool, signature: str | None) -> GraphModel:
    """Read the graph of one signature.

    Parameters
    ----------
    path : Path
        The folder.
    safe_mode : bool
        Whether operations that do more than compute are refused.
    signature : str or None
        None: serving_default, else the only one there is, else serve. Also the name of a function of a tf.Module.

    Raises
    ------
    ModelFileError, UnsafeModelError, UnsupportedLayerError
        See `readers.read`.
    """
    meta = meta_graph(path)
    if safe_mode:
        check_operations([meta.graph_def], path)
    with reading(path, "a signature whose inputs and outputs are tensors"):
        traces = traces_of(meta)
        if signature in traces and signature not in meta.signature_def:
            model = function_model(str(signature), traces[str(signature)], meta, path)
            if safe_mode:
                check_operations([model.graph], path, apart_from=FILES)
            return model
        name, wanted = chosen_signature(meta, signature, path, described(traces))
        inputs, outputs = _ordered_inputs(meta, wanted, path), _outputs(wanted, path)
        graph = needed(meta.graph_def, outputs.values())
        if safe_mode:
            check_operations([graph], path, apart_from=FILES)
        tables = tables_of(meta.graph_def)
        return GraphModel(f"{path} ({name})", graph, inputs, outputs, SavedVariables(path, keys_of(meta)), tables)


def meta_graph(path: Path) -> Any:
    """Parse saved_model.pb; return the graph that is tagged for serving, or the only one.

    Raises
    ------
    ModelFileError
        If the file is damaged or holds no such graph.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = path / FILE
    if file.stat().st_size > MAX_GRAPH_BYTES:
        raise ModelFileError(f"{file}: expected at most {MAX_GRAPH_BYTES} bytes; found {file.stat().st_size}")
    with reading(file, "a SavedModel that is complete"):
        saved = SavedModel.FromString(file.read_bytes())
    graphs = list(saved.meta_graphs)
    tagged = [graph for graph in graphs if TAG in graph.meta_info_def.tags] or (graphs if len(graphs) == 1 else [])
    if not tagged:
        tags = [sorted(graph.meta_info_def.tags) for graph in graphs]
        raise ModelFileError(f"{file}: expected a graph tagged {TAG!r}; found graphs tagged {tags}")
    return tagged[0]


def chosen_signature(meta: Any, asked: str | None, path: object, functions: str = "") -> tuple[str, Any]:
    """Return the name of a signature, and the signature.

    Parameters
    ----------
    meta : MetaGraphDef
    asked : str or None
    path : object
        For messages.
    functions : str
        What can be asked for too, in words.

    Raises
    ------
    ModelFileError
        If the requested one is missing, if there are several and none was requested, or if there are none.
    """
    found = {name: each for name, each in meta.signature_def.items() if each.outputs and not name.startswith("__")}
    names = [asked] if asked is not None else [SERVING, *(found if len(found) == 1 else []), TAG]
    for name in names:
        if name in found:
            return name, found[name]
    offered = f"; functions that `signature` takes too: {functions}" if functions else ""
    if not found and functions:
        raise ModelFileError(f"{path}: expected a signature; found none{offered}")
    if not found:
        raise ModelFileError(
            f"{path}: expected a signature, which says what the inputs and outputs are; found none. Export the model "
            "with model.export(folder), or tf.saved_model.save(module, folder, signatures=function)"
        )
    listed = ", ".join(map(repr, sorted(found)))
    wanted = f"the signature {asked!r}" if asked is not None else "one signature, or one to be named with signature="
    raise ModelFileError(f"{path}: expected {wanted}; found {listed}{offered}")


def _ordered_inputs(meta: Any, signature: Any, path: object) -> dict[str, tf.TensorSpec]:
    """Return the inputs in the order in which the graph's first call takes them, and by name where it takes none."""
    unknown = [name for name, info in signature.inputs.items() if not info.name]
    if unknown:
        raise UnsupportedLayerError(f"{path}: expected dense tensors as inputs; {unknown} are sparse or composite")
    used = [node_of(ref) for node in meta.graph_def.node if "f" in node.attr for ref in node.input]
    place = {name: index for index, name in reversed(list(enumerate(used)))}
    names = sorted(
        signature.inputs, key=lambda name: (place.get(node_of(signature.inputs[name].name), len(used)), name)
    )
    infos = {name: signature.inputs[name] for name in names}
    return {name: tf.TensorSpec(_shape(info), info.dtype, node_of(info.name)) for name, info in infos.items()}


def _shape(info: Any) -> list[int | None] | None:
    if info.tensor_shape.unknown_rank:
        return None
    return [None if axis.size < 0 else axis.size for axis in info.tensor_shape.dim]


def _outputs(signature: Any, path: object) -> dict[str, str]:
    """Return the outputs that are floats, or all where none is."""
    floats = {name: info for name, info in signature.outputs.items() if tf.as_dtype(info.dtype).is_floating}
    chosen = floats or dict(signature.outputs)
    if not all(info.name for info in chosen.values()):
        raise UnsupportedLayerError(f"{path}: expected dense tensors as outputs; found sparse or composite ones")
    return {name: chosen[name].name for name in sorted(chosen)}
