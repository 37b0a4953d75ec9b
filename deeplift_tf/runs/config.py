"""The configuration of a run: which rows it scores, and what it writes beside their scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deeplift_tf.errors import InputError
from deeplift_tf.runs.targets import Target, label_of

FASTA = (".fa", ".fasta", ".fna", ".faa", ".ffn", ".frn")
PATHS = ("input", "regions", "variants", "genome", "exclude", "chrom_sizes")
LISTS = ("chromosomes", "formats", "targets")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What a run reads, and what it writes beside the scores.

    The command line builds one from its options, `recorded` one from what a file notes of its run.

    Attributes
    ----------
    input, regions, variants : Path, optional
        What is scored, one of the three: arrays, pictures or FASTA; regions; variants.
    genome : Path, optional
        Of regions and variants, FASTA.
    dataset : str, optional
        Name of the array, if the file holds several.
    preprocess : str, optional
        Brings pictures into the space of the model's input.
    on_error : str
        ``"fail"`` or ``"skip"``, for rows that cannot be scored.
    seed : int
        For what is drawn at random.
    length, soft_masked_as_n, alphabet, letters_axis, control
        See `runs.inputs.Sequences`.
    null : bool
        Score dinucleotide shuffles of the sequences.
    chromosomes, exclude, first, sample
        See `genomics.Selection`.
    targets : tuple of targets
        By index or name.
    formats : tuple of str
        See `deeplift_tf.genomics.formats.table`.
    compression : str
        Of their HDF5 files, "gzip" or "blosc".
    names : str
        See `runs.names`.
    chrom_sizes : Path, optional
        Lengths of chromosomes, for a bigWig.
    """

    input: Path | None = None
    regions: Path | None = None
    variants: Path | None = None
    genome: Path | None = None
    dataset: str | None = None
    preprocess: str | None = None
    on_error: str = "fail"
    seed: int = 0
    length: int | None = None
    soft_masked_as_n: bool = False
    alphabet: str = "dna"
    letters_axis: int = -1
    control: str | None = None
    null: bool = False
    chromosomes: tuple[str, ...] = ()
    exclude: Path | None = None
    first: int | None = None
    sample: int | None = None
    targets: tuple[Target, ...] = (0,)
    formats: tuple[str, ...] = ()
    compression: str = "gzip"
    names: str = "plain"
    chrom_sizes: Path | None = None

    @classmethod
    def recorded(cls, arguments: Mapping[str, Any]) -> RunConfig:
        """Return the configuration that a file of scores notes; what an earlier version did not note is the default.

        Parameters
        ----------
        arguments : mapping
            JSON values by name: paths as text, lists for tuples.

        Raises
        ------
        InputError
            If a value is of another type, or what was scored is missing.
        """
        known = {each: arguments[each] for each in FIELDS if arguments.get(each) is not None}
        known["targets"] = known.get("targets") or [arguments.get("target") or 0]
        try:
            known |= {name: Path(known[name]) for name in PATHS if name in known}
            known |= {name: tuple(map(_hashable, known[name])) for name in LISTS if name in known}
        except TypeError as error:
            raise InputError(f"the arguments of a run: expected paths and lists; {error}") from error
        config = cls(**known)
        if [config.input, config.regions, config.variants].count(None) != 2:
            raise InputError("the arguments of a run: expected one of input, regions and variants")
        return config

    @property
    def path(self) -> Path:
        """What is scored."""
        path = self.input or self.regions or self.variants
        assert path is not None, "the command line and `recorded` see to it"
        return path

    @property
    def is_sequences(self) -> bool:
        """Whether what is scored are sequences, rather than arrays or pictures."""
        return self.input is None or is_fasta(self.input)

    @property
    def labels(self) -> list[str]:
        """Names of the targets."""
        return [label_of(each) for each in self.targets]


FIELDS = tuple(each.name for each in dataclasses.fields(RunConfig))


def is_fasta(path: Path) -> bool:
    """Whether a file holds sequences, by its name."""
    return path.name.lower().removesuffix(".gz").removesuffix(".bgz").endswith(FASTA)


def _hashable(value: Any) -> Any:
    """Return a target of several indices, which JSON gives back as a list, as a tuple."""
    return tuple(value) if isinstance(value, list) else value
