"""Variants as rows to be scored: windows of their alternative alleles, and of the reference alleles beside them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from deeplift_tf.arrays.rows import StoredRows
from deeplift_tf.errors import InputError
from deeplift_tf.genomics.effects import EFFECTS
from deeplift_tf.genomics.fasta import Fasta, open_fasta
from deeplift_tf.genomics.regions import Region, names_differ
from deeplift_tf.genomics.selection import Selection
from deeplift_tf.genomics.sequences import of_channels
from deeplift_tf.genomics.variants import (
    HEAD,
    Refused,
    Variant,
    columns_of,
    on_genome,
    read_variants,
    write_refused,
)
from deeplift_tf.sequences.alphabet import Alphabet

logger = logging.getLogger("deeplift_tf")


@dataclass(frozen=True)
class VariantRows(StoredRows):
    """One-hot windows of the alternative alleles of variants; `reference` are those of the reference alleles.

    Attributes
    ----------
    fasta : Fasta
    variants : sequence of Variant
    length : int
        Of every window.
    refused : sequence of Refused
        Those that are not scored.
    alphabet : Alphabet
    soft_masked_as_n : bool
        Whether letters of the genome in lower case are read as N.
    of_reference : bool
        Whether the rows are the windows of the reference alleles.
    """

    fasta: Fasta
    variants: Sequence[Variant]
    length: int
    refused: Sequence[Refused] = ()
    alphabet: Alphabet = field(default_factory=Alphabet)
    soft_masked_as_n: bool = False
    of_reference: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, length, letters)."""
        return len(self.variants), self.length, len(self.alphabet)

    @property
    def dtype(self) -> np.dtype[np.int8]:
        """Of the one-hot rows."""
        return np.dtype(np.int8)

    @property
    def reference(self) -> VariantRows:
        """The windows of the reference alleles."""
        return replace(self, of_reference=True)

    @property
    def regions(self) -> list[Region]:
        """Where the windows of the reference alleles lie, their sites as summits."""
        starts = [variant.span(self.length)[0] for variant in self.variants]
        return [
            Region(variant.chrom, start, start + self.length, variant.position, variant.label)
            for variant, start in zip(self.variants, starts, strict=True)
        ]

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return consecutive rows, shape (n, length, letters)."""
        variants = self.variants[rows]
        found = [each.windows(self.fasta.fetch(each.chrom, *each.span(self.length)), self.length) for each in variants]
        letters = [alleles[0 if self.of_reference else 1] for alleles in found]
        channels = self.alphabet.channels(letters, self.soft_masked_as_n, [each.label for each in variants])
        return of_channels(channels, len(self.alphabet))

    def names(self, rows: slice) -> np.ndarray:
        """Return what consecutive variants are called, as bytes of one length for all."""
        longest = max(len(each.label.encode()) for each in self.variants)
        return np.array([each.label.encode() for each in self.variants[rows]], f"S{longest}")

    def warn(self) -> None:
        """Say nothing more: what is not scored has been said."""

    def write(
        self,
        folder: Path,
        scores: Mapping[str, Any],
        labels: Sequence[str],
        formats: Collection[str],
        sizes: Any,
        compression: str = "gzip",
    ) -> None:
        """Write the table of variants beside their scores, and that of those that are not scored.

        Parameters
        ----------
        folder : Path
        scores : mapping of str to array
            The open file of scores.
        labels : sequence of str
            Names of the targets.
        formats, sizes, compression
            For regions; of no meaning here.
        """
        write_table(folder / "variants.tsv", self.variants, scores, labels)
        if self.refused:
            write_refused(folder / "dropped_variants.tsv", self.refused)


def write_table(path: Path, variants: Sequence[Variant], scores: Mapping[str, Any], labels: Sequence[str]) -> None:
    """Write a line for each variant: for every target its value for both alleles and their difference; the effects."""
    columns: dict[str, np.ndarray] = {}
    for label in labels:
        end = "" if len(labels) == 1 else f"/{label}"
        one, two = scores[f"reference_outputs{end}"][:], scores[f"outputs{end}"][:]
        columns |= {f"{label}.ref": one, f"{label}.alt": two, f"{label}.difference": two - one}
    columns |= {name: scores[f"effects/{name}"][:] for name in EFFECTS if f"effects/{name}" in scores}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join([*HEAD, *columns]) + "\n")
        for row, variant in enumerate(variants):
            values = (f"{column[row]:.7g}" for column in columns.values())
            file.write("\t".join([*columns_of(variant), *values]) + "\n")


@contextmanager
def variant_rows(
    path: Path,
    genome: Path,
    length: int,
    *,
    soft_masked_as_n: bool = False,
    alphabet: str | Alphabet = "dna",
    selection: Selection | None = None,
) -> Iterator[VariantRows]:
    """Open the windows of variants, one row for each alternative allele.

    Parameters
    ----------
    path : Path
        VCF or a table; see `read_variants`.
    genome : Path
    length : int
        Of the windows.
    soft_masked_as_n, alphabet
        See `one_hot`.
    selection : Selection, optional
        Which of the variants; the default is all.

    Yields
    ------
    VariantRows

    Raises
    ------
    InputError
        If none can be scored.
    """
    variants, strange = read_variants(path)
    with open_fasta(genome) as fasta:
        if selection is not None:
            variants = selection.on_genome(variants, str(path), "variants")
        kept, refused = on_genome(variants, fasta, length)
        refused = [*strange, *refused]
        cause = names_differ((each.variant for each in refused), fasta.sizes, "variants")
        if refused:
            first = refused[0]
            said = f"{len(refused)} of {len(kept) + len(refused)} variants; {first.variant.label}: {first.reason}"
            if not kept:
                raise InputError(f"{path}: none of its variants can be scored: {said}{cause}")
            logger.warning("not scored, and listed in dropped_variants.tsv, are %s%s", said, cause)
        if selection is not None:
            kept = selection.of_kept(kept)
        yield VariantRows(fasta, kept, length, refused, Alphabet.of(alphabet), soft_masked_as_n)
