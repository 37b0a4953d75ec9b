"""The request of a run: what is scored in every row, and the function that scores a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplift_tf.runs.alleles import BothAlleles, with_letters
from deeplift_tf.runs.model import ModelSource
from deeplift_tf.runs.source import Alleles
from deeplift_tf.runs.targets import Target, label_of, task
from deeplift_tf.sequences.letters import as_model_rows, letters_last

if TYPE_CHECKING:
    from deeplift_tf.network import Network
    from deeplift_tf.scoring.scores import Scores

Arrays = dict[str, np.ndarray]

PROJECTED = "projected"
"""Hypothetical contributions at the letters of the sequences, shape (N, length): what the field's tools call scores."""

SPREAD = "spread"
"""Of contributions over the members of an ensemble: the array of their standard deviations."""


CLASSES = "classes"
"""The class of each row that the target "predicted" means, shape (N,); -1 for rows without one."""


COMPILED_FROM = 256
"""Batches of a run from which on XLA wins back the seconds that it compiles for."""


class Request(NamedTuple):
    """What is asked of a model about every row; can be pickled, so that other processes answer the same.

    Attributes
    ----------
    model : ModelSource
    targets : tuple of targets
        By index or name; with several, each array is called after its target as well.
    output, layers, batch_size, pre_activation, mean_normalised, hypothetical
        See `Score.__call__` and `Network.compile`.
    jit_compile : bool, optional
        See `Network.compile`; None until the number of rows is known, see `of_rows`.
    method : str
        See `deeplift_tf.methods.from_spec.scoring_function`.
    multipliers : bool
        Keep the multipliers too.
    reverse_complement : bool
        Mean over both strands.
    stranded : bool, optional
        Whether two channels of an output are the two strands; see `deeplift_tf.genomics.both_strands`.
    sequences : bool
        The rows are one-hot letters in bytes; keep them beside their scores.
    alphabet : str
        Theirs; see `deeplift_tf.genomics.one_hot`.
    letters_axis : int
        The axis of the model's input that holds the letters.
    fold_spread : bool
        Of several models: keep the standard deviation over them of each contribution too.
    variants : bool
        The rows are alternative alleles of variants, compared with their reference alleles; see `runs.alleles`.
    """

    model: ModelSource
    targets: tuple[Target, ...] = (0,)
    output: str | None = None
    method: str = "deeplift"
    layers: tuple[str, ...] = ()
    jit_compile: bool | None = None
    batch_size: int = 32
    pre_activation: bool = False
    mean_normalised: bool = False
    hypothetical: bool = False
    multipliers: bool = False
    reverse_complement: bool = False
    stranded: bool | None = None
    sequences: bool = False
    alphabet: str = "dna"
    letters_axis: int = -1
    fold_spread: bool = False
    variants: bool = False

    def of_rows(self, count: int) -> Request:
        """Return the request with `jit_compile` settled by the rows of the whole run.

        Shards of a run and a resumed run settle it alike, so that their numbers are the same to the last bit.
        """
        if self.jit_compile is not None:
            return self
        return self._replace(jit_compile=self.method == "deeplift" and count >= COMPILED_FROM * self.batch_size)

    @property
    def labels(self) -> list[str]:
        """Names of the targets."""
        return [label_of(each) for each in self.targets]

    @property
    def parts(self) -> list[str]:
        """Names of the scores that are kept."""
        optional = ["multipliers"] * self.multipliers + ["hypothetical"] * self.hypothetical
        return ["contributions", *optional, "outputs", "reference_outputs", "delta"]


class Scorer:
    """Answers a request for batches of rows.

    Parameters
    ----------
    request : Request
    network : Network, optional
        That of the model, where it has been read already.
    """

    def __init__(self, request: Request, network: Network | None = None) -> None:
        from deeplift_tf.genomics.strand_targets import StrandTargets
        from deeplift_tf.genomics.strands import both_strands
        from deeplift_tf.methods.from_spec import scoring_function
        from deeplift_tf.network.ensembles import FoldScores, folds_of
        from deeplift_tf.runs.inputs import sequence_input

        network = request.model.convert() if network is None else network
        jit_compile = bool(request.jit_compile)
        score: Callable[..., Scores] = (
            FoldScores(network, jit_compile)
            if request.fold_spread
            else scoring_function(network, request.method, request.layers, jit_compile)
        )
        self._input = sequence_input(network, request.alphabet, request.letters_axis)[0] if request.sequences else ""
        score = of_input(score, self._input) if request.sequences else score
        self.tasks = [task(each, request.output, network.output_shapes, folds_of(network)) for each in request.targets]
        if request.reverse_complement:
            targets = StrandTargets(network, request.stranded, request.letters_axis)
            for each in self.tasks:
                targets.check(each.target, each.output, request.pre_activation)
            axis = request.letters_axis
            score = both_strands(score, network, stranded=request.stranded, letters_axis=axis)
        if request.sequences:
            score = of_sequences(score, self._input, network.input_shapes[self._input], request.letters_axis)
        self._request, self._score = request, score
        self._alleles = BothAlleles(network, request, self._input) if request.variants else None

    def __call__(self, x: Any, references: Any) -> Arrays:
        """Return what is kept of the scores of some rows, by its names in the file.

        Parameters
        ----------
        x : array or dict of arrays, shape (n, ...)
        references
            As a scoring function takes them.

        Returns
        -------
        dict of str to np.ndarray, shape (n, ...)
        """
        arrays: Arrays = {}
        if self._request.sequences:
            arrays["sequences"] = x[self._input] if isinstance(x, Mapping) else x
            x = with_letters(x, self._input, as_floats)
        if isinstance(references, Alleles):
            reference, common = references
            arrays["reference_sequences"] = reference[self._input] if isinstance(reference, Mapping) else reference
            references = with_letters(reference, self._input, as_floats)
            arrays |= self._of_alleles(x, references, common)
        for target, scores in self._each(x, references):
            label = target if len(self.tasks) > 1 else ""
            if self._request.fold_spread:
                arrays |= named(SPREAD, label, over_folds(np.std, scores.contributions))
                scores = scores.replace(contributions=over_folds(np.mean, scores.contributions))
            for part in self._request.parts:
                arrays |= named(part, label, getattr(scores, part))
            if target == "predicted":
                arrays |= named(CLASSES, label, scores.classes)
            if self._request.sequences and scores.hypothetical is not None:
                arrays |= named(PROJECTED, label, (scores.hypothetical * arrays["sequences"]).sum(-1))
        return arrays

    def _of_alleles(self, x: Any, reference: Any, common: Any) -> Arrays:
        """Return predictions for both alleles and, where references are given, the contributions of each by itself."""
        assert self._alleles is not None
        arrays = self._alleles.arrays(x, reference)
        if common is None:
            return arrays
        shared = self._alleles.common(reference, common)
        for allele, rows in (("reference", reference), ("alternative", x)):
            for label, scores in self._each(rows, shared):
                found = scores.contributions
                found = over_folds(np.mean, found) if self._request.fold_spread else found
                arrays |= named(f"alleles/{allele}", label if len(self.tasks) > 1 else "", found)
        return arrays

    def _each(self, x: Any, references: Any) -> Iterator[tuple[str, Scores]]:
        """Score rows for every target; those in one output share the forward passes."""
        asked = self._request
        same = ("batch_size", "pre_activation", "mean_normalised", "hypothetical", "letters_axis")
        others = {name: getattr(asked, name) for name in same}
        for output in dict.fromkeys(each.output for each in self.tasks):
            alike = [each for each in self.tasks if each.output == output]
            if len(alike) == 1:
                target = alike[0].target
                yield alike[0].label, self._score(x, references=references, target=target, output=output, **others)
                continue
            scores = self._score(
                x, references=references, targets=[each.target for each in alike], output=output, **others
            )
            for index, each in enumerate(alike):
                yield each.label, scores.of_target(index)


def as_floats(letters: np.ndarray) -> np.ndarray:
    """Return letters as a network takes them."""
    return np.asarray(letters, np.float32)


def over_folds(function: Callable[..., np.ndarray], values: Any) -> Any:
    """Return what a function makes of contributions over the first axis, that of the members of an ensemble."""
    if isinstance(values, Mapping):
        return {name: over_folds(function, each) for name, each in values.items()}
    return function(values, axis=0).astype(values.dtype)


def of_input(score: Callable[..., Scores], name: str) -> Callable[..., Scores]:
    """Return a scoring function that keeps the scores of one of several inputs."""

    def kept(x: Any, references: Any = None, **arguments: Any) -> Scores:
        scores = score(x, references=references, **arguments)
        parts = {part: getattr(scores, part) for part in ("contributions", "multipliers", "hypothetical")}
        return scores.replace(**{part: each[name] for part, each in parts.items() if isinstance(each, Mapping)})

    return kept


def of_sequences(
    score: Callable[..., Scores], name: str, shape: Sequence[int | None], letters_axis: int
) -> Callable[..., Scores]:
    """Return a scoring function of sequences, shape (N, length, letters), for a model that takes another shape.

    Parameters
    ----------
    score : callable
        Returns the scores of the sequences alone.
    name : str
        Of the model's input that takes them.
    shape : sequence of int or None
        Of that input, the axis of rows first.
    letters_axis : int
    """
    rank = len(shape)
    if rank == 3 and letters_axis in (-1, 2):
        return score

    def to_model(values: Any) -> Any:
        if isinstance(values, Mapping):
            return {key: to_model(part) if key == name else part for key, part in values.items()}
        return as_model_rows(values, letters_axis, shape) if isinstance(values, np.ndarray) else values

    def turned(x: Any, references: Any = None, **arguments: Any) -> Scores:
        scores = score(to_model(x), references=to_model(references), **arguments)
        parts = {part: getattr(scores, part) for part in ("contributions", "multipliers", "hypothetical")}
        found = {part: letters_last(each, letters_axis, rank) for part, each in parts.items() if each is not None}
        return scores.replace(**found)

    return turned


def named(part: str, label: str, value: Any) -> Arrays:
    """Return one part of the scores by its name in the file: part, part/target, part/input or part/target/input.

    What has no scores, an input of integers for example, is left out.
    """
    if isinstance(value, Mapping):
        return {
            f"{key}/{name}": array for name, each in value.items() for key, array in named(part, label, each).items()
        }
    return {} if value is None else {f"{part}/{label}" if label else part: value}
