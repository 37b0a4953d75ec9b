"""The mean of finished runs of the same rows, for example of models of several folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deeplift_tf.errors import InputError
from deeplift_tf.io.scores_h5 import is_sealed
from deeplift_tf.runs.identity import differences
from deeplift_tf.runs.merge import (
    FinishedPart,
    MergeResult,
    check_files,
    merged_from,
    output_of,
    pieces,
    read_part,
    timeless,
    write_files,
)
from deeplift_tf.runs.request import CLASSES, SPREAD, Arrays

MODEL = ("model", "weights")
"""Arguments in which the runs may differ."""


def mean(out: Path, paths: Sequence[Path], overwrite: bool = False, spread: bool = False) -> MergeResult:
    """Write the mean of finished runs of the same rows, which differ in their model alone.

    Every array is the mean of theirs, but delta, of which the one of the largest size counts.

    Parameters
    ----------
    out : Path
        A file, or for runs that are folders, a folder.
    paths : sequence of Path
        At least two runs.
    overwrite : bool
        Replace what is there already.
    spread : bool
        Write the standard deviation of each contribution over the runs too.

    Returns
    -------
    MergeResult
        Rows count as missing the difference by the largest delta of any run.

    Raises
    ------
    InputError
        A run is a shard, is not whole, differs in more than its model or has the same one as another, or would be
        replaced; or the regions or sequences have changed.
    OutputFileError
        The output cannot be written.
    """
    parts = [read_part(path) for path in paths]
    output = output_of(out, parts, overwrite)
    check_runs(parts)
    whole = parts[0].about
    models = [name for part in parts for name in models_of(part)]
    arguments = whole["arguments"] | {"model": models, "weights": None, "fold_spread": spread, "out": str(out)}
    files = {name: each for name, each in whole["files"].items() if name not in MODEL}
    files["model"] = {name: each for part in parts for name, each in files_of(part).items()}
    if output.folder:
        check_files(whole["files"], arguments)
    count = whole["rows"][2]
    metadata = whole | {"arguments": arguments, "files": files}
    skipped = {row: reason for part in parts for row, reason in part.skipped.items()}
    with output.open(count, metadata, lambda folder: write_files(folder, arguments), keep=False) as kept:
        for arrays in zip(*map(pieces, parts), strict=True):
            kept.append(mean_of(arrays, parts, spread), dict(sorted(skipped.items())))
            skipped = {}
    return merged_from(kept, count, arguments)


def models_of(part: FinishedPart) -> list[str]:
    """Return the models of a run."""
    named = part.metadata["arguments"].get("model")
    return [named] if isinstance(named, str) else list(named or ())


def files_of(part: FinishedPart) -> dict[str, Any]:
    """Return what tells whether the models of a run are the same, by their paths."""
    known = part.metadata["files"].get("model") or {}
    return {models_of(part)[0]: known} if "bytes" in known else dict(known)


def check_runs(parts: Sequence[FinishedPart]) -> None:
    """Refuse runs that are not of the same rows, or not of different models.

    Raises
    ------
    InputError
        Names the run and what differs.
    """
    if len(parts) < 2:
        raise InputError("`mean`: expected at least two runs; received one")
    first, seen = parts[0], dict[str, Path]()
    for part in parts:
        if part.shard.of > 1:
            raise InputError(f"{part.path}: is shard {part.shard}; merge the shards of each run first, without `mean`")
        found = differences(but_model(first.metadata), but_model(part.metadata), but=MODEL)
        if found or part.metadata["rows"] != first.metadata["rows"] or part.path.is_dir() != first.path.is_dir():
            raise InputError(
                f"{part.path}: differs from {first.path} in more than its model: "
                f"{'; '.join(found) or 'other rows, or a folder'}"
            )
        for name, known in files_of(part).items():
            if (same := str(sorted(timeless(known).items()))) in seen:
                raise InputError(f"{part.path}: is of the same model, {name}, as {seen[same]}")
            seen[same] = part.path
        if not is_sealed(part.scores):
            raise InputError(
                f"{part.path}: its bytes are not those that were written, or it is of an earlier version; get a fresh "
                "copy, or score it again"
            )


def but_model(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata without the times of files, and without those of the model."""
    known = timeless(metadata)
    return known | {"files": {name: each for name, each in known.get("files", {}).items() if name not in MODEL}}


def mean_of(arrays: Sequence[Arrays], parts: Sequence[FinishedPart], spread: bool) -> Arrays:
    """Return the means of the arrays of several runs, row by row.

    Raises
    ------
    InputError
        If they do not hold the same arrays, or are not of the same sequences.
    """
    first, found = arrays[0], Arrays()
    for part, held in zip(parts, arrays, strict=True):
        if shapes(held) != shapes(first):
            raise InputError(
                f"{part.path}: expected the arrays of {parts[0].path}, {shapes(first)}; has {shapes(held)}"
            )
    for name, array in first.items():
        kind, _, label = name.partition("/")
        if kind == SPREAD:
            raise InputError(
                f"{parts[0].path}: holds a spread over models, of which no mean is taken; score without it"
            )
        values = [each[name] for each in arrays]
        if kind == CLASSES:  # -1 where models predict different ones
            found[name] = np.where(np.ptp(values, axis=0) == 0, array, -1).astype(array.dtype)
        elif array.dtype.kind != "f":
            for part, own in zip(parts, values, strict=True):
                if not np.array_equal(own, array):
                    raise InputError(f"{part.path}: its array {name!r} is not that of {parts[0].path}")
            found[name] = array
        elif kind == "delta":
            found[name] = np.take_along_axis(np.stack(values), np.abs(values).argmax(0)[None], 0)[0]
        else:
            found[name] = np.mean(values, axis=0, dtype=np.float64).astype(array.dtype)
        if kind == "contributions" and spread:
            key = f"{SPREAD}/{label}" if label else SPREAD
            found[key] = np.std(values, axis=0, dtype=np.float64).astype(array.dtype)
    return found


def shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array."""
    return {name: array.shape for name, array in arrays.items()}
