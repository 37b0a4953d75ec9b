"""Variants of a genome, from VCF files and tables, as windows of both alleles."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deeplift_tf.errors import InputError
from deeplift_tf.genomics.fasta import Fasta

logger = logging.getLogger("deeplift_tf")

BASES = frozenset("ACGTN")
HEAD = ("chr", "pos", "id", "ref", "alt")
NONE = ("-", ".", "")  # of an allele without letters, in tables
COLUMNS = {
    "chrom": ("chrom", "#chrom", "chr", "#chr", "chromosome"),
    "position": ("pos", "position"),
    "name": ("id", "variant_id", "rsid", "name", "snp"),
    "reference": ("ref", "allele1", "reference", "ref_allele"),
    "alternative": ("alt", "allele2", "alternative", "alt_allele", "alternate"),
}
"""What columns of a table are called, lower case."""

WITHOUT_HEADER = (
    ("chrom", "position", "name", "reference", "alternative"),
    ("chrom", "position", "reference", "alternative"),
)
"""Columns of a table that names none; the one whose alleles are letters is meant."""


class Variant(NamedTuple):
    """One alternative allele at a site.

    Attributes
    ----------
    chrom : str
    position : int
        Of the first letter of the reference allele, counted from 0.
    reference, alternative : str
        Alleles, in upper case; empty for one without letters.
    name : str
        Of the variant in its file; empty where it has none.
    line : int
        Of the file, counted from 1.
    """

    chrom: str
    position: int
    reference: str
    alternative: str
    name: str = ""
    line: int = 0

    @property
    def label(self) -> str:
        """What it is called: chromosome, position counted from 1, and the alleles."""
        return f"{self.chrom}:{self.position + 1}:{self.reference or '-'}>{self.alternative or '-'}"

    @property
    def start(self) -> int:
        """Where the reference allele begins."""
        return self.position

    @property
    def end(self) -> int:
        """Where the reference allele ends, excluded; of one without letters the position behind."""
        return self.position + max(1, len(self.reference))

    def span(self, length: int) -> tuple[int, int]:
        """Return the stretch of the genome that windows of a length around it are made of.

        The site is at position length // 2 of a window. Where the alternative allele is shorter the stretch reaches
        further to the right, since both windows are of one length.
        """
        start = self.position - length // 2
        return start, start + length + max(0, len(self.reference) - len(self.alternative))

    def windows(self, letters: str, length: int) -> tuple[str, str]:
        """Return the windows of the reference and of the alternative allele.

        Left of the site they are the same. Right of it both go on with the letters behind the reference allele, of
        which those are left out, or taken more, that the length asks for, as variant-scorer does it.

        Parameters
        ----------
        letters : str
            Of the genome, from `span`.
        length : int
        """
        left, right = letters[: length // 2], letters[length // 2 + len(self.reference) :]
        reference, alternative = (left + allele + right for allele in (self.reference, self.alternative))
        return reference[:length], alternative[:length]


class Refused(NamedTuple):
    """A variant that is not scored, and why."""

    variant: Variant
    reason: str


def read_variants(path: Path) -> tuple[list[Variant], list[Refused]]:
    """Read the variants of a file, one for each alternative allele, and those that are no changes of letters.

    Parameters
    ----------
    path : Path
        VCF; or a table with tabs, whose columns are named in a first line (chr, pos, ref or allele1, alt or allele2,
        and if there is one an id), or are chromosome, position, (id,) reference and alternative allele. Positions count
        from 1. May be compressed by gzip or bgzip.

    Raises
    ------
    InputError
        If a line is no variant; names it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    found: list[Variant] = []
    refused: list[Refused] = []
    try:
        for variant in variants_of(path):
            reason = reason_against(variant)
            if reason:
                refused.append(Refused(variant, reason))
            else:
                found.append(variant)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: expected VCF, or a table with tabs; {error}") from error
    if not found and not refused:
        raise InputError(f"{path}: expected variants; found none")
    return found, refused


def reason_against(variant: Variant) -> str:
    """Return why a variant cannot be scored whatever the genome; empty where it can."""
    for what, allele in (("reference", variant.reference), ("alternative", variant.alternative)):
        if not BASES.issuperset(allele):
            return f"its {what} allele is {allele}, and not letters A, C, G, T"
    if variant.position < 0:
        return "its position is 0, which in VCF is the end of a chromosome; there is no letter"
    if variant.reference == variant.alternative:
        return "its alleles are the same"
    return ""


def variants_of(path: Path) -> Iterator[Variant]:
    """Yield the variants of a file, in its order."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    columns: Mapping[str, int] = {}
    with (gzip.open if compressed else open)(path, "rt", encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("##"):
                continue
            fields, where = line.rstrip("\r\n").split("\t"), f"{path}: line {number}"
            if not columns:
                named = columns_named(fields)
                columns = named or columns_without_header(fields, where)
                if named:
                    continue
            elif line.startswith("#"):
                continue
            yield from alleles(fields, columns, number, where)


def columns_named(fields: Sequence[str]) -> dict[str, int]:
    """Return where the columns stand that a line names; empty where it names none."""
    names = [each.strip().lower() for each in fields]
    found = {
        what: next(names.index(each) for each in known if each in names)
        for what, known in COLUMNS.items()
        if any(each in names for each in known)
    }
    return found if {"chrom", "position", "reference", "alternative"} <= found.keys() else {}


def columns_without_header(fields: Sequence[str], where: str) -> dict[str, int]:
    """Return where the columns stand in a table whose first line is a variant already.

    Raises
    ------
    InputError
        If it is none.
    """
    for order in WITHOUT_HEADER:
        given = dict(zip(order, (each.strip().upper() for each in fields), strict=False))
        both = [given[each].replace(",", "") for each in ("reference", "alternative") if each in given]
        if len(both) == 2 and all(each in NONE or BASES.issuperset(each) for each in both):
            return {what: place for place, what in enumerate(order)}
    raise InputError(
        f"{where}: expected VCF, or a table with tabs of chromosome, position counted from 1, (id,) reference and "
        f"alternative allele, its columns named or in this order; received {chr(9).join(fields)[:80]!r}"
    )


def alleles(fields: Sequence[str], columns: Mapping[str, int], number: int, where: str) -> Iterator[Variant]:
    """Yield the variants of a line, one for each alternative allele.

    Raises
    ------
    InputError
        If it is no variant.
    """
    try:
        values = {what: fields[place].strip() for what, place in columns.items()}
        position = int(values["position"]) - 1
    except (IndexError, ValueError) as error:
        raise InputError(
            f"{where}: expected chromosome, position and alleles, separated by tabs; received "
            f"{chr(9).join(fields)[:80]!r}"
        ) from error
    if position < -1:  # 0 is allowed in VCF, see `reason_against`
        raise InputError(f"{where}: expected a position counted from 1; received {position + 1}")
    reference = letters_of_allele(values["reference"])
    name = values.get("name", "")
    for each in values["alternative"].split(","):
        yield Variant(
            values["chrom"], position, reference, letters_of_allele(each), "" if name == "." else name, number
        )


def letters_of_allele(text: str) -> str:
    """Return the letters of an allele, in upper case; "-" stands for none, and so does "." in a table."""
    return "" if text.strip() in ("-", "") else text.strip().upper()


def on_genome(variants: Sequence[Variant], fasta: Fasta, length: int) -> tuple[list[Variant], list[Refused]]:
    """Return the variants that can be scored, and those that cannot, in the order given.

    Parameters
    ----------
    variants : sequence of Variant
    fasta : Fasta
        The genome.
    length : int
        Of the windows.
    """
    kept: list[Variant] = []
    refused: list[Refused] = []
    for variant in variants:
        reason = against_genome(variant, fasta, length)
        if reason:
            refused.append(Refused(variant, reason))
        else:
            kept.append(variant)
    return kept, refused


def against_genome(variant: Variant, fasta: Fasta, length: int) -> str:
    """Return why a variant does not fit a genome; empty where it does."""
    size = fasta.sizes.get(variant.chrom)
    if size is None:
        return f"the genome has no chromosome {variant.chrom}"
    start, end = variant.span(length)
    if start < 0 or end > size:
        return f"its window, {start} to {end}, lies over the edge of the chromosome, 0 to {size}"
    if max(len(variant.reference), len(variant.alternative)) > length - length // 2:
        return f"an allele is longer than half of the window, {length - length // 2}"
    there = fasta.fetch(variant.chrom, variant.position, variant.position + len(variant.reference)).upper()
    if there != variant.reference:
        return f"the reference allele is {variant.reference}, the genome has {there}"
    return ""


def columns_of(variant: Variant) -> list[str]:
    """Return the first columns of a table of variants, as text."""
    alleles = (each or "-" for each in (variant.reference, variant.alternative))
    return [variant.chrom, str(variant.position + 1), variant.name or ".", *alleles]


def write_refused(path: Path, refused: Sequence[Refused]) -> None:
    """Write the variants that are not scored, and why."""
    ordered = sorted(refused, key=lambda one: one.variant.line)
    lines = ("\t".join([*columns_of(each), reason]) + "\n" for each, reason in ordered)
    path.write_text("\t".join([*HEAD, "reason"]) + "\n" + "".join(lines), encoding="utf-8", newline="\n")
