"""Alphabets: the letters that a model reads, in the order of its channels, and the treatment of all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deeplift_tf.errors import InputError

NAMED = {"dna": "ACGT", "rna": "ACGU", "protein": "ACDEFGHIKLMNPQRSTVWY"}
NUCLEOTIDES = "ACGTU"
AMBIGUOUS_NUCLEOTIDES = "RYSWKMBDHVN"  # IUPAC's letters for several bases
OTHER_AMINO_ACIDS = "BZJXUO"  # IUPAC's for several amino acids, for any, and for two rare ones
FORBIDDEN = 255
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


@dataclass(frozen=True)
class Alphabet:
    """Letters in the order of a model's channels.

    In an alphabet of nucleotides T and U are one letter. IUPAC's letters for several bases, and for several or rare
    amino acids, are read as no letter in particular: a row of zeros, N.

    Attributes
    ----------
    letters : str
        In capitals.
    """

    letters: str = NAMED["dna"]

    @classmethod
    def of(cls, given: str | Alphabet) -> Alphabet:
        """Return an alphabet by its name, dna, rna or protein, or by its letters.

        Raises
        ------
        InputError
            If a letter stands there twice, or is none that can be printed.
        """
        if isinstance(given, Alphabet):
            return given
        letters = NAMED.get(given.lower(), given.upper())
        printable = letters.isascii() and letters.isprintable() and " " not in letters
        if len(letters) < 2 or len(set(letters)) < len(letters) or not printable:
            raise InputError(
                f"alphabet: expected {', '.join(NAMED)} or at least two different letters in the order of the model's "
                f"channels, like ACGU; received {given!r}"
            )
        return cls(letters)

    def __str__(self) -> str:
        return self.letters

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def nucleotides(self) -> bool:
        """Whether the letters are bases."""
        return set(self.letters) <= {*NUCLEOTIDES, *AMBIGUOUS_NUCLEOTIDES}

    @property
    def as_dna(self) -> str:
        """The letters with T for U."""
        return self.letters if "T" in self.letters else self.letters.replace("U", "T")

    @property
    def complements_itself(self) -> bool:
        """Whether the letters in reverse order are the complements, so that turning both axes turns the strand."""
        letters = self.as_dna
        return all(COMPLEMENT.get(letter) == other for letter, other in zip(letters, reversed(letters), strict=True))

    def table(self, soft_masked_as_n: bool) -> np.ndarray:
        """Return the channel of each byte, shape (256,), uint8: len(self) of no letter, FORBIDDEN of one unknown."""
        found = np.full(256, FORBIDDEN, np.uint8)
        others = AMBIGUOUS_NUCLEOTIDES if self.nucleotides else OTHER_AMINO_ACIDS
        channels = {letter: len(self) for letter in others} | {letter: i for i, letter in enumerate(self.letters)}
        if self.nucleotides:
            channels = {"T": channels.get("U", FORBIDDEN), "U": channels.get("T", FORBIDDEN)} | channels
        for letter, channel in channels.items():
            found[ord(letter)] = channel
        for letter, channel in channels.items():
            if letter.lower() != letter:
                found[ord(letter.lower())] = len(self) if soft_masked_as_n else channel
        return found

    def channels(
        self, sequences: Sequence[str], soft_masked_as_n: bool = False, names: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return the channel of each letter, shape (N, length), uint8; len(self) for N.

        Parameters
        ----------
        sequences : sequence of str
            All of one length.
        soft_masked_as_n : bool
            Read letters in lower case as N.
        names : sequence of str, optional
            Of the sequences, for messages.

        Raises
        ------
        InputError
            If the lengths differ, or a letter is of another alphabet; names the sequence and the position.
        """
        lengths = {len(sequence) for sequence in sequences}
        if len(lengths) > 1:
            raise InputError(f"sequences: expected one length; received {sorted(lengths)[:5]}")
        if not sequences:
            return np.zeros((0, 0), np.uint8)
        codes = np.stack([np.frombuffer(each.encode("ascii", "replace"), np.uint8) for each in sequences])
        found = self.table(soft_masked_as_n)[codes]
        if (found == FORBIDDEN).any():
            row, position = np.argwhere(found == FORBIDDEN)[0]
            raise self._refusal(sequences[row][position], names[row] if names else f"number {row}", int(position))
        return found

    def _refusal(self, letter: str, name: str, position: int) -> InputError:
        others = AMBIGUOUS_NUCLEOTIDES if self.nucleotides else OTHER_AMINO_ACIDS
        return InputError(
            f"sequence {name}: expected the letters {self.letters}, or {others} for what is not known; received "
            f"{letter!r} at position {position} (counted from 0). Sequences of another kind need the model's own "
            "alphabet (`alphabet=protein`, or its letters in the order of the channels)"
        )
