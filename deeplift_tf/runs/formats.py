"""DNA formats: the files for other tools, written once the scores are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import h5py

from deeplift_tf.errors import DeepLiftError, OutputFileError
from deeplift_tf.genomics.formats.files import compressed_by
from deeplift_tf.genomics.formats.table import format_named
from deeplift_tf.genomics.regions import read_sizes
from deeplift_tf.optional import require
from deeplift_tf.runs.config import RunConfig
from deeplift_tf.runs.output import SCORES
from deeplift_tf.sequences.alphabet import Alphabet

if TYPE_CHECKING:
    from deeplift_tf.genomics import SequenceRows, VariantRows


class Formats(NamedTuple):
    """The files of other tools.

    Attributes
    ----------
    names : sequence of str
        See `deeplift_tf.genomics.formats.table`.
    chrom_sizes : Path, optional
        Lengths of chromosomes, for a bigWig; by default those of the genome.
    compression : str
        Of HDF5 files, "gzip" or "blosc".
    """

    names: Sequence[str]
    chrom_sizes: Path | None = None
    compression: str = "gzip"

    @classmethod
    def of(cls, config: RunConfig) -> Formats:
        """Return what a run is to write: some only of regions of a genome, most only of ACGT.

        Raises
        ------
        InputError
            If there is no such format.
        """
        if config.variants is not None:
            return cls(())  # their scores lie at no place of the genome of their own
        in_order = Alphabet.of(config.alphabet).as_dna == "ACGT"
        each = {name: format_named(name) for name in config.formats}
        names = [
            name
            for name, format in each.items()
            if (in_order or format.any_letters) and (config.regions is not None or not format.of_regions)
        ]
        return cls(names, config.chrom_sizes, config.compression)

    def look(self) -> None:
        """Refuse what could not be written, before anything else is looked at.

        Raises
        ------
        InputError
            If the lengths of chromosomes cannot be read.
        MissingExtraError
            If what writes bigWigs, or compresses by Blosc, is not installed.
        """
        compressed_by(self.compression)
        for module in (module for name in self.names for module in format_named(name).needs):
            require(module, "genomics")
        if self.chrom_sizes is not None:
            read_sizes(self.chrom_sizes)

    def check(self, sequences: SequenceRows | VariantRows) -> None:
        """Refuse what could not be written once all is scored.

        Raises
        ------
        InputError
            If the chromosomes of a bigWig are not those of the regions.
        MissingExtraError
            If what writes bigWigs, or compresses by Blosc, is not installed.
        """
        self.look()
        for check in (format_named(name).check for name in self.names):
            if check is not None:
                check(sequences.regions, self.sizes(sequences))

    def sizes(self, sequences: SequenceRows | VariantRows) -> Mapping[str, int]:
        """Return the lengths of the chromosomes."""
        return sequences.fasta.sizes if self.chrom_sizes is None else read_sizes(self.chrom_sizes)

    def write(self, folder: Path, labels: Sequence[str], sequences: SequenceRows | VariantRows) -> None:
        """Write them into the folder that holds the scores.

        Parameters
        ----------
        folder : Path
        labels : sequence of str
            Of the targets.
        sequences : SequenceRows or VariantRows
            What was scored.

        Raises
        ------
        OutputFileError
            If a file cannot be written, because the disk is full for example.
        """
        sizes = self.sizes(sequences)
        try:
            with h5py.File(folder / SCORES, "r") as scores:
                sequences.write(folder, scores, labels, self.names, sizes, self.compression)
        except DeepLiftError:
            raise
        except (OSError, RuntimeError, SystemError) as error:  # HDF5 and pyBigWig have their own for a full disk
            raise OutputFileError(
                f"{folder}: the files of {', '.join(self.names) or 'the rows'} were not written; {error}"
            ) from error
