"""Run inputs: arrays in a file, pictures, or DNA, each adapted to the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from deeplift_tf.errors import InputError
from deeplift_tf.images import image_rows, is_images
from deeplift_tf.io.inputs import Rows, open_arrays, select
from deeplift_tf.runs.config import RunConfig
from deeplift_tf.sequences.alphabet import Alphabet
from deeplift_tf.sequences.letters import positions_axis

if TYPE_CHECKING:
    from deeplift_tf.genomics import Selection, SequenceRows, VariantRows
    from deeplift_tf.network import Network

SELECTION = ("chromosomes", "exclude", "first", "sample")


class RunInput(Protocol):
    """What is scored."""

    def check(self) -> None:
        """Raise an InputError for what can be seen before a model is read."""

    def open(self, network: Network) -> AbstractContextManager[Rows]:
        """Open the rows that feed a network, checked against it."""


def input_of(config: RunConfig) -> RunInput:
    """Return what a run scores: sequences, pictures, or the arrays of a file."""
    if not config.is_sequences:
        path = config.path
        return Pictures(path, config.preprocess) if is_images(path) else ArrayFile(path, config.dataset)
    chosen = {name: getattr(config, name) for name in SELECTION if getattr(config, name)}
    return Sequences(
        config.path,
        config.genome if config.input is None else None,
        length=config.length,
        soft_masked_as_n=config.soft_masked_as_n,
        skip=config.on_error == "skip",
        control=config.control,
        alphabet=config.alphabet,
        letters_axis=config.letters_axis,
        selection={**chosen, "seed": config.seed} if chosen else {},
        variants=config.variants is not None,
        null=config.seed if config.null else None,
    )


class ArrayFile(NamedTuple):
    """Arrays in an .npy, .npz or .h5 file, one for each input; `dataset` names that of a single input."""

    path: Path
    dataset: str | None = None

    def check(self) -> None:
        """Open the file once."""
        with open_arrays(self.path):
            pass

    @contextmanager
    def open(self, network: Network) -> Iterator[Rows]:
        """Open the arrays of the inputs of a network."""
        with open_arrays(self.path) as arrays:
            chosen = select(arrays, network.input_names, self.path, self.dataset)
            rows = Rows(self.path, chosen, dtypes=network.input_dtypes)
            rows.check(network.input_shapes)
            yield rows


class Pictures(NamedTuple):
    """A picture or a folder of them; `preprocess` brings them into the space of the model's input."""

    path: Path
    preprocess: str | None = None

    def check(self) -> None:
        """A folder, or a file with the right ending, is there already."""
        if not self.path.exists():
            raise InputError(f"{self.path}: no such file")

    @contextmanager
    def open(self, network: Network) -> Iterator[Rows]:
        """Open the pictures for the one input of a network."""
        if len(network.input_names) > 1:
            raise InputError(f"pictures: expected a model of one input; this one has {network.input_names}")
        ((name, shape),) = network.input_shapes.items()
        rows = Rows(self.path, {name: image_rows(self.path, shape, self.preprocess)})
        rows.check(network.input_shapes)
        yield rows


class Sequences(NamedTuple):
    """DNA: the sequences of a FASTA file, those of regions of a genome, or of both alleles of variants.

    Attributes
    ----------
    path : Path
        FASTA; or, with `genome` given, regions or variants.
    genome : Path, optional
    length : int, optional
        Of the windows, where the model takes any.
    soft_masked_as_n : bool
        Read letters in lower case as N.
    skip : bool
        Leave out sequences of another length.
    control : str, optional
        What the other inputs of the model hold; see `deeplift_tf.genomics.open_controls`.
    alphabet : str
        See `deeplift_tf.genomics.one_hot`.
    letters_axis : int
        The axis of the model's input that holds the letters.
    selection : mapping
        Arguments of `deeplift_tf.genomics.Selection`; empty for all regions.
    variants : bool
        The alternative alleles are scored, against the reference alleles.
    null : int, optional
        Seed: scored are dinucleotide shuffles of the sequences.
    """

    path: Path
    genome: Path | None = None
    length: int | None = None
    soft_masked_as_n: bool = False
    skip: bool = False
    control: str | None = None
    alphabet: str = "dna"
    letters_axis: int = -1
    selection: Mapping[str, Any] = {}
    variants: bool = False
    null: int | None = None

    def check(self) -> None:
        """Look for the files, and at the alphabet."""
        Alphabet.of(self.alphabet)
        exclude = self.selection.get("exclude")
        for path in filter(None, (self.path, self.genome, exclude)):
            if not path.is_file():
                raise InputError(f"{path}: no such file")
        self._look()

    def _look(self) -> None:
        """Read what is short, regions and variants, so that a mistake in it is said before a model is read."""
        from deeplift_tf.genomics.fasta import check_genome
        from deeplift_tf.genomics.places import check_places
        from deeplift_tf.genomics.regions import read_regions
        from deeplift_tf.genomics.variants import read_variants

        check_genome(self.genome or self.path)
        if self.genome is None:
            return
        selection, what = self._selection(), "variants" if self.variants else "regions"
        regions = [] if self.variants else read_regions(self.path, self.length or 1)
        found = read_variants(self.path)[0] if self.variants else regions
        if selection is not None:
            selection._replace(exclude=None).on_genome(found, str(self.path), what)  # windows have no length yet
        if regions:
            check_places(self.path, regions, self.genome)

    def _selection(self) -> Selection | None:
        """Return which of the regions, or variants, are scored; None for all."""
        from deeplift_tf.genomics.selection import Selection

        return Selection(**self.selection) if self.selection else None

    @contextmanager
    def open(self, network: Network) -> Iterator[Rows]:
        """Open the sequences for the input of a network that takes them, and what the other inputs hold."""
        from deeplift_tf.genomics import VariantRows, open_controls

        name, length = sequence_input(network, self.alphabet, self.letters_axis)
        if length is not None and self.length not in (None, length):
            raise InputError(f"`length={self.length}`: the model takes sequences of {length}")
        others = {each: shape for each, shape in network.input_shapes.items() if each != name}
        with (
            self.sequences(length or self.length) as sequences,
            open_controls(self.control, sequences.regions, others) as held,
        ):
            own = {name: sequences.reference} if isinstance(sequences, VariantRows) else {}
            yield Rows(self.path, {name: sequences, **held}, frozenset(held), network.input_dtypes, own)

    def sequences(self, length: int | None) -> AbstractContextManager[SequenceRows | VariantRows]:
        """Open the sequences, all of one length."""
        from deeplift_tf.genomics import region_rows, sequence_rows, variant_rows

        letters: dict[str, Any] = {"soft_masked_as_n": self.soft_masked_as_n, "alphabet": self.alphabet}
        if self.genome is None:
            return sequence_rows(self.path, length, skip=self.skip, null=self.null, **letters)
        if length is None:
            raise InputError("the model takes sequences of any length; say how long the windows are: `length`")
        selection = self._selection()
        if self.variants:
            return variant_rows(self.path, self.genome, length, selection=selection, **letters)
        return region_rows(self.path, self.genome, length, selection=selection, null=self.null, **letters)


def sequence_input(network: Network, alphabet: str = "dna", letters_axis: int = -1) -> tuple[str, int | None]:
    """Return the name of the input that takes sequences of an alphabet, and their length.

    Raises
    ------
    InputError
        If it is not clear which.
    """
    shapes, letters = network.input_shapes, Alphabet.of(alphabet)
    found = [name for name, shape in shapes.items() if takes_letters(shape, len(letters), letters_axis)]
    found = [name for name in found if "seq" in name.lower()] if len(found) > 1 else found
    if len(found) != 1:
        others = [
            axis
            for shape in shapes.values()
            for axis in range(1, len(shape))
            if axis != letters_axis and takes_letters(shape, len(letters), axis)
        ]
        hint = f"axis {others[0]} has as many: `letters_axis={others[0]}`" if others and not found else ""
        raise InputError(
            f"sequences: expected a model with one input that has the {len(letters)} letters {letters} on axis "
            f"{letters_axis}, such as shape (None, length, {len(letters)}); received {shapes}. "
            + (hint or "`alphabet` gives the letters in the order of the model's channels")
        )
    shape = shapes[found[0]]
    return found[0], shape[positions_axis(shape, letters_axis)]


def takes_letters(shape: Sequence[int | None], letters: int, axis: int) -> bool:
    """Whether an input of a shape, the axis of rows first, takes one-hot sequences with their letters on an axis."""
    if len(shape) < 3 or not -len(shape) < axis < len(shape) or axis == 0:
        return False
    return shape[axis] == letters and positions_axis(shape, axis) != 0
