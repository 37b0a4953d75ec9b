"""Operations that a SavedModel may contain.

A SavedModel is a program: when TensorFlow loads one, its initialisers run, and they may write files or call Python.
Nothing here runs them, yet a file that asks for such things is refused. The list is of what is allowed: an operation
that TensorFlow itself defines as a function of numbers (no state, no texts, no free words among its settings), or one
that is named here.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any

from deeplift_tf.errors import UnsafeModelError

CALLS = "Case For If LegacyCall PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile While"
VARIABLES = """
    AssignAddVariableOp AssignSubVariableOp AssignVariableOp DestroyResourceOp DisableCopyOnRead MakeUnique
    ReadVariableOp ResourceGather ResourceGatherNd VarHandleOp VarIsInitializedOp VariableShape
    Assign AssignAdd AssignSub IsVariableInitialized Variable VariableV2
"""
OPTIMIZERS = ("ResourceApply", "ResourceSparseApply", "ResourceScatter", "Apply", "SparseApply", "Scatter")
"""Beginnings of names: what training does to variables."""
TABLES = """
    AnonymousHashTable AnonymousMutableHashTable HashTable HashTableV2 InitializeTable InitializeTableV2
    InitializeTableFromTextFile InitializeTableFromTextFileV2 LookupTableExport LookupTableExportV2 LookupTableFind
    LookupTableFindV2 LookupTableImport LookupTableImportV2 LookupTableInsertV2 LookupTableRemoveV2 LookupTableSize
    LookupTableSizeV2 MutableHashTable MutableHashTableV2
"""
CHECKPOINTS = """
    CheckpointHasKey MergeV2Checkpoints RestoreSlice RestoreV2 Save SaveV2 ShardedFilename ShardedFilespec Restore
"""
FILES = frozenset(["InitializeTableFromTextFile", "InitializeTableFromTextFileV2", *CHECKPOINTS.split()])
"""What a folder holds to save and restore itself: of any path, so that what a signature runs must be free of it."""

LISTS = ("TensorList", "TensorArray", "Ragged", "EmptyTensorList")
RANDOM = """
    Multinomial ParameterizedTruncatedNormal RandomGamma RandomPoisson RandomPoissonV2 RandomShuffle
    RandomStandardNormal RandomUniform RandomUniformInt TruncatedNormal
"""
FLOW = "Assert CheckNumerics CheckNumericsV2 Empty Enter Fact GuaranteeConst NoOp PreventGradient RefEnter"
WORDED = """
    AsString Bincount DataFormatDimMap DataFormatVecPermute DecodeBase64 DecodeBmp DecodeCSV DecodeGif DecodeImage
    DecodeAndCropJpeg DecodeJpeg DecodePaddedRaw DecodePng DecodeRaw DecodeWav Einsum EncodeBase64 EncodeJpeg EncodePng
    ExtractJpegShape GatherNd ImageProjectiveTransformV2 ImageProjectiveTransformV3 ParseExample ParseExampleV2
    ParseSequenceExample ParseSequenceExampleV2 ParseSingleExample ParseSingleSequenceExample ParseTensor ReduceJoin
    RegexFullMatch RegexReplace ScaleAndTranslate ScatterNd ScatterNdUpdate SerializeTensor StaticRegexFullMatch
    StaticRegexReplace StringFormat StringJoin StringLength StringLower StringNGrams StringSplit StringSplitV2
    StringStrip StringToHashBucket StringToHashBucketFast StringToHashBucketStrong StringToNumber StringUpper Substr
    TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate UnicodeDecode
    UnicodeDecodeWithOffsets UnicodeEncode UnicodeTranscode UnsortedSegmentJoin
"""
"""Functions of texts, or with words among their settings, that read and write nothing but their tensors."""

DT_STRING, DT_RESOURCE = 7, 20  # numbers of types in types.proto

ALLOWED = frozenset(" ".join([CALLS, VARIABLES, TABLES, CHECKPOINTS, RANDOM, FLOW, WORDED]).split())


def definition(name: str) -> Any:
    """Return TensorFlow's definition of an operation; None where it knows none of that name."""
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(name)


def is_allowed(name: str) -> bool:
    """Whether an operation does nothing but compute, or keep variables and tables."""
    found = definition(name)
    if name in ALLOWED or (found is not None and name.startswith((*LISTS, *OPTIMIZERS))):
        return True
    if found is None or found.is_stateful:
        return False
    arguments = [*found.input_arg, *found.output_arg]
    is_text = [argument.type == DT_STRING or argument.type == DT_RESOURCE for argument in arguments]
    return not any(is_text) and not any(_is_free(attribute) for attribute in found.attr)


def _is_free(attribute: Any) -> bool:
    """Whether a setting is a function, or a text of any content."""
    is_text = attribute.type in ("string", "list(string)") and not attribute.allowed_values.list.s
    return is_text or attribute.type in ("func", "list(func)")


def check_operations(graphs: Iterable[Any], path: object, apart_from: Container[str] = ()) -> None:
    """Refuse a SavedModel with operations that are not allowed.

    Parameters
    ----------
    graphs : iterable of GraphDef
    path : object
        The folder, for messages.
    apart_from : collection of str
        Operations that are not allowed here either.

    Raises
    ------
    UnsafeModelError
        Naming each of them with the first node that holds it.
    """
    found: dict[str, str] = {}
    for graph in graphs:
        called = {function.signature.name for function in graph.library.function}
        for node in nodes_of(graph):
            allowed = node.op in called or (is_allowed(node.op) and node.op not in apart_from)
            if not allowed and node.op not in found:
                found[node.op] = node.name
    if found:
        listed = ", ".join(f"{kind} ({name!r})" for kind, name in sorted(found.items()))
        raise UnsafeModelError(
            f"{path}: asks for operations that do more than compute: {listed}. Nothing of it was run. "
            "Where you trust the file: safe_mode=False"
        )


def nodes_of(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph and of all its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def
