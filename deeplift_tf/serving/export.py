"""Export of a scoring function as a SavedModel, which runs without this package and without Keras."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deeplift_tf.atomic import whole_folder
from deeplift_tf.errors import OutputFileError
from deeplift_tf.scoring.score import Score
from deeplift_tf.serving.signatures import Wanted, predict_signature, score_signature

logger = logging.getLogger("deeplift_tf")

LARGEST = 2**31 - 2**20  # bytes; weights are constants of saved_model.pb, which may not have more


def export(
    score: Score,
    path: str | Path,
    references: Any = None,
    target: Any = None,
    *,
    output: str | None = None,
    pre_activation: bool = False,
    mean_normalised: bool = False,
    hypothetical: bool = False,
    letters_axis: int = -1,
) -> Path:
    """Write a scoring function as a SavedModel with the signatures `score`, `serving_default` and `predict`.

    `score`, and `serving_default`, which is the same, take tensors by name: the model's inputs; `references`, shape (1
    or N, ...), or `references_<input>` if several inputs have them; `target`, int32, shape (1 or N,). What is baked in
    is not an argument. They return `contributions` and `multipliers`, or `contributions_<input>` and so on if several
    values are scored, `outputs`, `reference_outputs` and `delta`, and on demand `hypothetical`. `predict` takes the
    inputs and returns the model's outputs. In names, every other character than a letter, digit or underscore becomes
    an underscore.

    Parameters
    ----------
    score : Score
        Of the inputs or of hidden layers; `Network.compile` makes one.
    path : str or Path
        A new folder, such as ``served/scorer/1``; it gets its name once it is complete.
    references : None, scalar, array, callable, or list or dict of scalars and arrays
        None: each request brings its own. Otherwise baked in, see `baked_in`.
    target : None, int, tuple, array, "predicted" or callable
        None: an index comes with each request, for an output of one axis. Otherwise baked in, see `as_asked`.
    output, pre_activation, mean_normalised, hypothetical, letters_axis
        As for `Score`.

    Returns
    -------
    Path

    Raises
    ------
    OutputFileError
        If the folder exists, cannot be written, or would be larger than a SavedModel can be.
    ReferencesError, TargetError, LayerNameError, InputError
        If references or target cannot be baked in, or names collide.
    """
    path = Path(path)
    check_new(path)
    wanted = Wanted(references, target, output, pre_activation, mean_normalised, hypothetical, letters_axis)
    scores, predict = score_signature(score, wanted), predict_signature(score)
    functions = (scores, predict)
    _check_size(functions, path)
    signatures = {"serving_default": scores, "score": scores, "predict": predict}
    try:
        with whole_folder(path) as partial:
            tf.saved_model.save(_holder(functions, score), str(partial), signatures=signatures)
    except (OSError, tf.errors.OpError) as error:
        raise OutputFileError(f"{path}: cannot be written: {error}") from error
    logger.info("%s: takes %s", path, ", ".join(sorted(scores.structured_input_signature[0][0])))
    return path


def check_new(path: Path) -> None:
    """Refuse a path that is taken.

    Raises
    ------
    OutputFileError
    """
    if path.exists():
        raise OutputFileError(f"{path}: exists already; export to another folder (a new version number), or remove it")


def _holder(functions: Sequence[Any], score: Score) -> tf.Module:
    """Return a module that holds what functions read: variables of layers along a path, tables of words."""
    holder = tf.Module()
    held = [getattr(node.layer, "function", None) for node in score.network.graph.nodes]
    holder.tables_held = [table for function in held for table in getattr(function, "tables", ())]
    holder.variables_held = [*{id(v): v for function in functions for v in function.graph.variables}.values()]
    return holder


def _check_size(functions: Sequence[Any], path: Path) -> None:
    """Refuse what is too large for the format, before TensorFlow fails with a message of its own."""
    constants = {
        id(value): int(np.prod(value.shape)) * value.dtype.size
        for function in functions
        for value, _ in function.graph.captures
        if isinstance(value, tf.Tensor) and value.dtype not in (tf.resource, tf.variant)
    }
    size = sum(constants.values())
    if size > LARGEST:
        raise OutputFileError(f"{path}: the weights take {size / 2**30:.1f} GiB; a SavedModel holds 2 GiB of constants")
