"""The merge of shards into the output of an unsharded run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from deeplift_tf.arrays.rows import rows_together, slices
from deeplift_tf.errors import InputError
from deeplift_tf.io.inputs import open_arrays
from deeplift_tf.io.scores_file import metadata_of
from deeplift_tf.io.scores_h5 import is_sealed
from deeplift_tf.runs.config import RunConfig
from deeplift_tf.runs.formats import Formats
from deeplift_tf.runs.identity import BESIDE, differences, identities
from deeplift_tf.runs.inputs import Sequences, input_of
from deeplift_tf.runs.output import SCORES, Output, followed
from deeplift_tf.runs.request import Arrays
from deeplift_tf.runs.resumable import ResumableWriter
from deeplift_tf.runs.source import Shard
from deeplift_tf.scoring.completeness import MissedRows


class FinishedPart(NamedTuple):
    """One shard of a run.

    Attributes
    ----------
    path : Path
        A file of scores, or a folder that holds one.
    metadata : dict
    """

    path: Path
    metadata: dict[str, Any]

    @property
    def scores(self) -> Path:
        """The file of scores."""
        return scores_in(self.path)

    @property
    def shard(self) -> Shard:
        """Which part it is."""
        number, _, of = str(self.metadata["arguments"]["shard"]).partition("/")
        return Shard(int(number), int(of))

    @property
    def rows(self) -> range:
        """The rows of the whole run that it holds."""
        return range(*self.metadata["rows"][:2])

    @property
    def skipped(self) -> dict[int, str]:
        """The rows that were skipped, and why."""
        path = self.scores.with_name(self.scores.name + ".skipped.tsv")
        lines = path.read_text(encoding="utf-8").splitlines()[1:] if path.is_file() else []
        try:
            return {int(row): reason for row, _, reason in (line.partition("\t") for line in lines)}
        except ValueError as error:
            raise InputError(f"{path}: expected rows and why they were skipped; {error}") from error

    @property
    def about(self) -> dict[str, Any]:
        """All that is noted of the run, also what its scores do not depend on; of a file that was moved, what is in it.

        Raises
        ------
        InputError
            What stands beside the scores is damaged, or missing from a folder.
        """
        path = self.scores.with_name(self.scores.name + ".json")
        if not path.is_file() and not self.path.is_dir():
            return self.metadata
        try:
            noted = json.loads(path.read_text(encoding="utf-8"))
            found = {"compression": "gzip", "names": "plain"} | noted[
                "arguments"
            ]  # what an earlier version did not note
            beside = {name: found[name] for name in BESIDE}
            files = {name: each for name, each in noted["files"].items() if name in BESIDE}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: expected what `deeplift-tf score` notes of a run; {error}") from error
        arguments = dict(sorted({**beside, **self.metadata["arguments"]}.items()))
        return self.metadata | {"arguments": arguments, "files": files | self.metadata["files"]}


class MergeResult(NamedTuple):
    """What was put together: rows, those of them that miss the difference, and the method of their scores."""

    rows: int
    missed: MissedRows
    method: str


def merged_from(kept: ResumableWriter, rows: int, arguments: Mapping[str, Any]) -> MergeResult:
    """Return what was put together, of so many rows, when all of it is on the disk."""
    return MergeResult(int(rows), kept.state.missed, str(arguments.get("method", "deeplift")))


def scores_in(path: Path) -> Path:
    """Return the file of scores that a path means: itself, or the one in a folder."""
    return path / SCORES if path.is_dir() else path


def merge(out: Path, paths: Sequence[Path], overwrite: bool = False) -> MergeResult:
    """Put the shards of a run together, in the order of their rows.

    What is written beside the scores is what the command of the first one asks for.

    Parameters
    ----------
    out : Path
        A file, or for shards that are folders, a folder.
    paths : sequence of Path
        All shards, in any order.
    overwrite : bool
        Replace what is there already.

    Returns
    -------
    MergeResult

    Raises
    ------
    InputError
        A shard is missing or there twice, is not whole, or is of another run, or would be replaced; or the regions or
        sequences have changed.
    OutputFileError
        The output cannot be written, or would take the place of an interrupted run's.
    """
    parts = sorted((read_part(path) for path in paths), key=lambda part: part.shard)
    output = output_of(out, parts, overwrite)
    check_parts(parts)
    for part in parts:
        if not is_sealed(part.scores):
            raise InputError(
                f"{part.path}: its bytes are not those that were written, or it is of an earlier version; get a fresh "
                "copy, or score this shard again"
            )
    whole, *others = (part.about for part in parts)
    skip = {"on_error": "skip"} if any(each["arguments"].get("on_error") == "skip" for each in others) else {}
    arguments = whole["arguments"] | skip | {"shard": str(Shard(1, 1)), "out": str(out)}
    count = whole["rows"][2]
    if output.folder:
        check_files(whole["files"], arguments)

    def complete(folder: Path) -> None:
        write_files(folder, arguments)

    metadata = whole | {"arguments": arguments, "rows": [0, count, count]}
    with output.open(count, metadata, complete, keep=False) as kept:
        for part in parts:
            skipped = part.skipped
            for arrays in pieces(part):
                kept.append(arrays, skipped)
                skipped = {}
    return merged_from(kept, count, arguments)


def output_of(out: Path, parts: Sequence[FinishedPart], overwrite: bool) -> Output:
    """Return where the parts are put together, by the names that the first one asks for.

    Raises
    ------
    InputError
        If it would take the place of a part.
    OutputFileError
        If it cannot be written.
    """
    folder = parts[0].path.is_dir()
    names = str(parts[0].about["arguments"]["names"]) if folder else "plain"
    output = Output(followed(out), folder, overwrite, names)
    output.check()
    check_replaced(out, parts)
    return output


def check_replaced(out: Path, parts: Sequence[FinishedPart]) -> None:
    """Refuse an output that would take the place of what is read."""
    for part in parts:
        if out.resolve() in (part.path.resolve(), *part.path.resolve().parents):
            raise InputError(f"the output would replace a shard: {part.path}")


def read_part(path: Path) -> FinishedPart:
    """Read what a file of scores says of itself."""
    scores = scores_in(path)
    if scores.with_name(scores.name + ".partial").exists() and not scores.is_file():
        raise InputError(f"{path}: this shard is not whole; run it again with the same command")
    if not scores.is_file():
        raise InputError(f"{path}: no such file of scores")
    metadata = metadata_of(scores)
    part = FinishedPart(path, metadata)
    try:
        start, stop, count = metadata["rows"]
        whole = 0 <= start <= stop <= count and part.shard.of > 0
        whole = whole and all(isinstance(each, dict | None) for each in metadata["files"].values())
    except (AttributeError, KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise InputError(f"{path}: expected a shard that `deeplift-tf score --shard` has written")
    return part


def check_parts(parts: Sequence[FinishedPart]) -> None:
    """Refuse parts that are not all shards of one run."""
    first = parts[0]
    for part in parts[1:]:
        found = differences(timeless(first.metadata), timeless(part.metadata), but=("shard",))
        if found or part.path.is_dir() != first.path.is_dir():
            raise InputError(f"{part.path}: not of the same run as {first.path}: {'; '.join(found) or 'a folder'}")
    of = first.shard.of
    for part in parts:
        if part.shard.of != of:
            raise InputError(f"{part.path}: is shard {part.shard}, but {first.path} is {first.shard}")
    held = [part.shard.number for part in parts]
    twice = [part for part in parts if held.count(part.shard.number) > 1]
    if twice:
        raise InputError(f"{twice[1].path}: is shard {twice[1].shard}, as {twice[0].path} is")
    missing = [str(Shard(index, of)) for index in range(1, of + 1) if index not in held]
    if missing:
        raise InputError(f"shards missing: {', '.join(missing[:10])}{', ...' if len(missing) > 10 else ''}")
    check_rows(parts)


def check_rows(parts: Sequence[FinishedPart]) -> None:
    """Refuse parts whose rows do not follow on each other."""
    expected = 0
    for part in parts:
        if part.rows.start != expected or part.metadata["rows"][2] != parts[0].metadata["rows"][2]:
            raise InputError(f"{part.path}: expected rows from {expected} on; it holds those from {part.rows.start} on")
        expected = part.rows.stop
    if expected != parts[0].metadata["rows"][2]:
        raise InputError(f"{parts[-1].path}: expected rows up to {parts[0].metadata['rows'][2]}; it ends at {expected}")


def check_files(known: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Refuse regions and sequences that are not those that the shards have read: names and places come from them."""
    config = RunConfig.recorded(arguments)
    input_of(config).check()
    sizes = config.chrom_sizes
    if sizes is not None and not sizes.is_file():
        raise InputError(f"{sizes}: no such file")
    named = {name: arguments.get(name) for name in ("input", "regions", "variants", "genome")}
    was, its = timeless(known), timeless(identities(named))
    for name, each in its.items():
        if each != was.get(name):
            raise InputError(f"{named[name]}: is not the file that the shards have read")


def timeless(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata without the times of files, which differ from machine to machine."""
    return {
        name: timeless(value) if isinstance(value, Mapping) else value
        for name, value in known.items()
        if name != "modified"
    }


def pieces(part: FinishedPart) -> Iterator[Arrays]:
    """Read the arrays of a part, some rows at a time."""
    with open_arrays(part.scores) as arrays:
        for rows in slices(len(part.rows), rows_together(*arrays.values())):
            yield {name: array[rows] for name, array in arrays.items()}


def write_files(folder: Path, arguments: Mapping[str, Any]) -> None:
    """Write what belongs into a folder of scores of DNA, from the files that the run has read."""
    config = RunConfig.recorded(arguments)
    input = input_of(config)
    assert isinstance(input, Sequences)
    input.check()
    with h5py.File(folder / SCORES, "r") as scores:
        length = scores["sequences"].shape[1]
    with input.sequences(length) as sequences:
        Formats.of(config).write(folder, config.labels, sequences)
