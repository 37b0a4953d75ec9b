"""The table of formats: what is written for other tools, by name, and the registration of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deeplift_tf.errors import InputError
from deeplift_tf.genomics.formats import bigwig, bpnet, chrombpnet, modisco
from deeplift_tf.genomics.formats.scored import ScoredSequences
from deeplift_tf.genomics.regions import Region

Write = Callable[[Path, ScoredSequences], None]


class Format(NamedTuple):
    """Files for another tool.

    Attributes
    ----------
    write : callable
        Takes the folder and the `ScoredSequences`.
    of_regions : bool
        Of regions of a genome alone, not of a FASTA file.
    any_letters : bool
        Of any alphabet, not of A, C, G, T in this order alone.
    needs : tuple of str
        Modules of the extra ``genomics``.
    check : callable, optional
        Takes the regions and the lengths of chromosomes; raises before anything is scored if they cannot be written.
    """

    write: Write
    of_regions: bool = False
    any_letters: bool = False
    needs: tuple[str, ...] = ()
    check: Callable[[Sequence[Region], Mapping[str, int]], None] | None = None


FORMATS: dict[str, Format] = {
    "modisco": Format(modisco.write),
    "chrombpnet": Format(chrombpnet.write),
    "bpnet": Format(bpnet.write),
    "bigwig": Format(bigwig.write, of_regions=True, any_letters=True, needs=("pyBigWig",), check=bigwig.check_places),
}

DEFAULTS = tuple(FORMATS)
"""What is written if nothing is chosen; formats of a user's own are asked for by name."""


def register_format(name: str, *, of_regions: bool = False, any_letters: bool = False) -> Callable[[Write], Write]:
    """Register a format of your own, for ``deeplift-tf score --formats NAME --custom-objects FILE.py``.

    It is a function that writes files into a folder::

        @dl.genomics.register_format("sums")
        def sums(folder, scored):
            for target, hypothetical in scored.hypothetical.items():
                np.save(folder / f"{target}.sums.npy", (scored.x[:] * hypothetical[:]).sum((1, 2)))

    Parameters
    ----------
    name : str
    of_regions, any_letters : bool
        See `Format`.

    Raises
    ------
    ValueError
        If the name is taken.
    """

    def enter(write: Write) -> Write:
        if name in FORMATS:
            raise ValueError(f"a format named {name!r} is registered already")
        FORMATS[name] = Format(write, of_regions, any_letters)
        return write

    return enter


def format_named(name: str) -> Format:
    """Return a format by its name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in FORMATS:
        raise InputError(
            f"`formats={name}`: expected some of {', '.join(FORMATS)}; one of your own is registered by the code that "
            "`custom_objects` names"
        )
    return FORMATS[name]
