"""SavedModels are programs: nothing in one runs, and one that asks for more than computing is refused."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings

import deeplift_tf as dl
from deeplift_tf.conversion.readers import frames
from deeplift_tf.conversion.readers.untrusted.saved_model_safety import is_allowed
from deeplift_tf.conversion.tf_graph import shape_inference
from deeplift_tf.errors import DeepLiftError, ModelFileError, UnsafeModelError, UnsupportedLayerError
from tests.conversion.readers.test_fuzz import DAMAGES, Damage
from tests.support.graph_models import Classifier

FEW = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Resource(tf.saved_model.experimental.TrackableResource):
    """A resource whose initialiser writes a file: TensorFlow runs it while it loads the model."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = str(path)
        self.handle = self.resource_handle

    def _create_resource(self) -> Any:
        return tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

    def _initialize(self) -> None:
        tf.io.write_file(self.path, "owned")


def module_with(run: Any, **resources: Any) -> tf.Module:
    module = Classifier()
    for name, resource in resources.items():
        setattr(module, name, resource)
    spec = [tf.TensorSpec([None, 4], tf.float32)]
    module.run = tf.function(run or (lambda x: x @ module.weights), input_signature=spec, autograph=False)
    return module


def saved(module: tf.Module, folder: Path) -> Path:
    tf.saved_model.save(module, str(folder), signatures=module.run)
    return folder


def test_an_initialiser_that_writes_a_file_is_refused(tmp_path: Path) -> None:
    written = tmp_path / "written"
    folder = saved(module_with(None, table=Resource(written)), tmp_path / "served")
    written.unlink(missing_ok=True)
    with pytest.raises(UnsafeModelError, match="WriteFile"):
        dl.convert(folder)
    assert not written.exists()
    assert dl.convert(folder, safe_mode=False).input_shapes == {"x": (None, 4)}
    assert not written.exists(), "initialisers do not run, whatever the mode"


@pytest.mark.parametrize(
    ("kind", "run"),
    [
        ("ReadFile", lambda x: x + tf.strings.to_number(tf.io.read_file("/dev/null"))),
        ("EagerPyFunc", lambda x: tf.ensure_shape(tf.py_function(lambda y: y * 2, [x], tf.float32), [None, 4])),
        ("PrintV2", lambda x: (tf.print("x"), x * 2.0)[1]),
    ],
)
def test_operations_that_do_more_than_compute_are_refused(kind: str, run: Any, tmp_path: Path) -> None:
    folder = saved(module_with(run), tmp_path / "served")
    with pytest.raises(UnsafeModelError, match=kind):
        dl.convert(folder)


@pytest.mark.parametrize("kind", ["SaveV2", "RestoreV2"])
def test_a_signature_that_touches_files_is_refused(kind: str, tmp_path: Path) -> None:
    """TensorFlow runs what has a state wherever it stands in a function, and a comparison runs the function."""
    path = str(tmp_path / "written")

    def run(x: Any) -> Any:
        if kind == "SaveV2":
            tf.raw_ops.SaveV2(prefix=path, tensor_names=["x"], shape_and_slices=[""], tensors=[x])
        else:
            tf.raw_ops.RestoreV2(prefix=path, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32])
        return x * 2.0

    folder = saved(module_with(run), tmp_path / "served")
    with pytest.raises(UnsafeModelError, match=kind):
        dl.convert(folder)


def test_what_is_allowed() -> None:
    """By what TensorFlow says an operation is, not by a list of bad ones: a new one is refused until it is named."""
    harmless = "Conv2D MatMul Softmax VarHandleOp RestoreV2 StatefulPartitionedCall HashTableV2 Einsum Const While"
    harmful = """ReadFile WriteFile MatchingFiles PyFunc EagerPyFunc PyFuncStateless ImmutableConst DebugIdentity
        LoadAndRemapMatrix GenerateVocabRemapping CollectiveReduce Recv IteratorV2 TextLineReaderV2 DatasetToTFRecord
        SnapshotDataset Abort RemoteCall XlaHostCompute NoSuchOperation Copy PrintV2 TPUPartitionedCall"""
    assert [kind for kind in harmless.split() if not is_allowed(kind)] == []
    assert [kind for kind in harmful.split() if is_allowed(kind)] == []


def test_random_numbers_are_no_computation(tmp_path: Path) -> None:
    folder = saved(module_with(lambda x: x + tf.random.normal([4])), tmp_path / "served")
    with pytest.raises(UnsupportedLayerError, match="RandomStandardNormal"):
        dl.convert(folder)


def doubling(folder: Path, depth: int) -> None:
    """Let the signature call a function that calls another twice, and so on."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = folder / "saved_model.pb"
    model = SavedModel.FromString(file.read_bytes())
    graph = model.meta_graphs[0].graph_def
    for level in range(depth):
        function = graph.library.function.add()
        function.signature.name = f"level_{level}"
        function.signature.input_arg.add(name="x", type=tf.float32.as_datatype_enum)
        function.signature.output_arg.add(name="y", type=tf.float32.as_datatype_enum)
        before = "x"
        for name in ("first", "second"):
            node = function.node_def.add(name=name, op="PartitionedCall" if level else "Neg", input=[before])
            if not level:
                node.attr["T"].type = tf.float32.as_datatype_enum
            else:
                node.attr["f"].func.name = f"level_{level - 1}"
                for types in ("Tin", "Tout"):
                    node.attr[types].list.type.append(tf.float32.as_datatype_enum)
            before = f"{name}:output:0" if level else f"{name}:y:0"
        function.ret["y"] = before
    called = next(node for node in graph.node if node.name == "StatefulPartitionedCall")
    called.attr["f"].func.name = f"level_{depth - 1}"
    del called.input[1:]
    file.write_bytes(model.SerializeToString())


def test_functions_that_call_one_another_twice(tmp_path: Path) -> None:
    """2^60 operations in a small file: counted, not laid out."""
    folder = saved(module_with(None), tmp_path / "served")
    doubling(folder, 4)
    network = dl.convert(folder)
    assert sum(row.keras_class == "Neg" for row in network.table()) == 16
    folder = saved(module_with(None), tmp_path / "deep")
    doubling(folder, 60)
    with pytest.raises(ModelFileError, match="operations"):
        dl.convert(folder)


def test_constants_of_absurd_size(tmp_path: Path) -> None:
    folder = saved(
        module_with(lambda x: x + tf.reduce_sum(tf.raw_ops.Fill(dims=tf.constant([1 << 20, 1 << 20]), value=1.0))),
        tmp_path / "served",
    )
    with pytest.raises(ModelFileError, match="elements"):
        dl.convert(folder)


def texts_doubled() -> tf.Tensor:
    text = tf.constant("0")
    for _ in range(20):
        text = tf.strings.join([text, text])
    return tf.cast(tf.strings.length(text), tf.float32)


def texts_replaced() -> tf.Tensor:
    text = tf.constant("a" * 1000)
    for _ in range(2):
        text = tf.strings.regex_replace(text, "a", "a" * 1000)
    return tf.cast(tf.strings.length(text), tf.float32)


def texts_joined() -> tf.Tensor:
    texts = tf.tile(tf.constant(["a" * 1000]), [1 << 12])
    return tf.cast(tf.strings.length(tf.strings.reduce_join(texts)), tf.float32)


PICTURE = tf.io.encode_png(tf.zeros([4, 4, 3], tf.uint8)).numpy()
PARSED = tf.make_tensor_proto(1.0, shape=[1 << 20]).SerializeToString()
UNKNOWN = {
    "tensors that are parsed": lambda: tf.reduce_max(tf.io.parse_tensor(PARSED, tf.float32)),
    "pictures": lambda: tf.cast(tf.reduce_max(tf.io.decode_png(PICTURE)), tf.float32),
    "ranges": lambda: tf.cast(tf.raw_ops.RaggedRange(starts=[0], limits=[1 << 20], deltas=[1])[1][-1], tf.float32),
    "texts doubled": texts_doubled,
    "texts replaced": texts_replaced,
    "texts joined": texts_joined,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_constants_of_a_size_that_only_running_tells(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shape_inference, "SPARE_FOLDED", 1 << 16)
    folder = saved(module_with(lambda x: x + UNKNOWN[name]()), tmp_path / "served")
    with pytest.raises(ModelFileError, match=r"expected (a constant whose size is known|constants of about the size)"):
        dl.convert(folder)


def test_constants_whose_size_their_inputs_bound(tmp_path: Path) -> None:
    def run(x: Any) -> Any:
        places = tf.cast(tf.where(tf.constant([True, False, True, True]))[:, 0], tf.float32)
        words = tf.strings.split(tf.strings.join([tf.constant("1 2"), tf.constant(" 3")]))
        return x * (tf.reduce_sum(places) + tf.reduce_sum(tf.strings.to_number(words)))

    network = dl.convert(saved(module_with(run), tmp_path / "served"))
    np.testing.assert_allclose(network.predict(np.ones((1, 4), "float32")), np.full((1, 4), 11.0), rtol=1e-6)


def changed(folder: Path, change: Callable[[Any], None]) -> Path:
    """Change the first graph of a SavedModel."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = folder / "saved_model.pb"
    model = SavedModel.FromString(file.read_bytes())
    change(model.meta_graphs[0])
    file.write_bytes(model.SerializeToString())
    return folder


def enlarge(tensor: Any, size: int) -> None:
    """Let the first value of a constant stand for many."""
    new = tf.make_tensor_proto(tf.make_ndarray(tensor).ravel()[0], tensor.dtype)
    tensor.CopyFrom(new)
    tensor.tensor_shape.dim.add(size=size)


@pytest.mark.parametrize("kind", ["names of the checkpoint", "keys of a table", "settings of a function"])
def test_values_that_one_value_stands_for(kind: str, tmp_path: Path) -> None:
    """Python would lay them all out: 2^36 of them in a few bytes."""
    words = tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([5, 6], tf.int64))
    module = module_with(None, table=tf.lookup.StaticHashTable(words, 0))

    def change(meta: Any) -> None:
        functions = meta.object_graph_def.concrete_functions.values()
        for function in functions if kind == "settings of a function" else ():
            given = function.canonicalized_input_signature.tuple_value.values[0].tuple_value.values.add()
            given.numpy_value.CopyFrom(tf.make_tensor_proto(1.0))
            enlarge(given.numpy_value, 1 << 36)
        nodes = [*meta.graph_def.node, *(n for each in meta.graph_def.library.function for n in each.node_def)]
        constants = [node.attr["value"].tensor for node in nodes if node.op == "Const"]
        for tensor in constants if kind != "settings of a function" else ():
            is_key = tensor.dtype == tf.string.as_datatype_enum and b"a" in tensor.SerializeToString()[-8:]
            if tensor.dtype == tf.string.as_datatype_enum and is_key == (kind == "keys of a table"):
                enlarge(tensor, 1 << 36)

    folder = changed(saved(module, tmp_path / "served"), change)
    with pytest.raises(ModelFileError, match="one value stands for many"):
        dl.convert(folder)


def test_functions_that_restore_and_call_one_another_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What restores is walked, not run: 2^40 calls are counted."""
    monkeypatch.setattr(frames, "MAX_WALKED", 5_000)

    def change(meta: Any) -> None:
        library = meta.graph_def.library
        restoring = next(n for n in meta.graph_def.node if n.name == meta.saver_def.restore_op_name.split(":")[0])
        last = restoring.attr["f"].func.name
        for level in range(40):
            function = library.function.add()
            function.signature.name = f"level_{level}"
            for name in ("first", "second"):
                node = function.node_def.add(name=name, op="StatefulPartitionedCall")
                node.attr["f"].func.name = last
            last = function.signature.name
        restoring.attr["f"].func.name = last

    folder = changed(saved(module_with(None), tmp_path / "served"), change)
    with pytest.raises(ModelFileError, match="nodes in all their calls"):
        dl.convert(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.parametrize("name", ["variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_pipes_are_not_waited_for(name: str, tmp_path: Path) -> None:
    folder = saved(module_with(None), tmp_path / "served")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ModelFileError, match=r"no file|no such file"):
        dl.convert(folder)


def test_an_input_of_absurd_size(tmp_path: Path) -> None:
    module = Classifier()
    module.run = tf.function(
        lambda x: tf.reduce_sum(x, 1, keepdims=True), [tf.TensorSpec([None, 1 << 34], tf.float32)], autograph=False
    )
    with pytest.raises(UnsupportedLayerError, match="numbers for one row"):
        dl.convert(saved(module, tmp_path / "served"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(module_with(None), tmp_path_factory.mktemp("whole") / "served")


FILES = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")


@pytest.mark.parametrize("name", FILES)
def test_missing_files(name: str, whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "served"))
    (folder / name).unlink()
    with pytest.raises(ModelFileError):
        dl.convert(folder)


def ends_well(whole: Path, name: str, damage: Damage) -> None:
    """A damaged file ends in a network or in one of our errors."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(whole, Path(place) / "served"))
        (folder / name).write_bytes(damage((folder / name).read_bytes()))
        try:
            assert dl.convert(folder).output_names
        except DeepLiftError as error:
            assert str(error)


@pytest.mark.parametrize("name", FILES)
@FEW
@given(damage=DAMAGES)
def test_damaged_files(name: str, whole: Path, damage: Damage) -> None:
    ends_well(whole, name, damage)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@MANY
@given(damage=DAMAGES)
def test_many_damaged_files(name: str, whole: Path, damage: Damage) -> None:
    ends_well(whole, name, damage)
