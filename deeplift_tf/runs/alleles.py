"""Allele scores: for each variant both alleles, predictions and effects, beside the contributions of the difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplift_tf.sequences.letters import as_model_rows, letters_last

if TYPE_CHECKING:
    from deeplift_tf.network import Network
    from deeplift_tf.runs.request import Arrays, Request


class BothAlleles:
    """Predictions for both alleles of variants, and references that both share.

    Parameters
    ----------
    network : Network
    request : Request
    name : str
        The input that takes sequences.
    """

    def __init__(self, network: Network, request: Request, name: str) -> None:
        self._network, self._request, self._name = network, request, name
        self._shape = network.input_shapes[name]

    def arrays(self, alternative: Any, reference: Any) -> Arrays:
        """Return the predictions for both alleles, by allele and output, and what differs between them.

        On both strands the effects are the means over them, the predictions those of the strand given.

        Parameters
        ----------
        alternative, reference : array or dict of arrays
            Letters, shape (n, length, letters), and what the other inputs hold.

        Returns
        -------
        dict of str to np.ndarray, shape (n, ...)
        """
        from deeplift_tf.genomics.effects import effects

        before, after = self._predicted(reference), self._predicted(alternative)
        found = {f"predictions/reference/{name}": values for name, values in before.items()}
        found |= {f"predictions/alternative/{name}": values for name, values in after.items()}
        changes = effects(before, after, self._network.output_shapes)
        if self._request.reverse_complement:
            before, after = self._predicted(reference, True), self._predicted(alternative, True)
            other = effects(before, after, self._network.output_shapes)
            changes = {name: (values + other[name]) / 2 for name, values in changes.items()}
        return found | {f"effects/{name}": values for name, values in changes.items()}

    def common(self, reference: Any, made: Any) -> Any:
        """Return the references that both alleles are compared with, made of the reference allele.

        Parameters
        ----------
        reference : array or dict of arrays
        made : float or Maker

        Returns
        -------
        float, array or dict of arrays, shape (n, R, length, letters)
        """
        if not callable(made):
            value: Any = made
        else:
            axis, rank = self._request.letters_axis, len(self._shape)
            rows = as_model_rows(self._letters(reference), axis, self._shape)
            value = letters_last(np.asarray(made(rows)), axis, rank)
        return {**reference, self._name: value} if isinstance(reference, Mapping) else value

    def _letters(self, x: Any) -> np.ndarray:
        return np.asarray(x[self._name] if isinstance(x, Mapping) else x, np.float32)

    def _predicted(self, x: Any, reverse_complement: bool = False) -> dict[str, np.ndarray]:
        """Return the outputs of the model by name."""
        from deeplift_tf.genomics.strands import arranged, turned, turned_axes

        rows = as_model_rows(self._letters(x), self._request.letters_axis, self._shape)
        rows = arranged({**x, self._name: rows} if isinstance(x, Mapping) else rows, self._network)
        if reverse_complement:
            rows = turned(rows, rows, turned_axes(rows, self._request.stranded, self._request.letters_axis))
        found = self._network.predict(rows, self._request.batch_size)
        return dict(found) if isinstance(found, Mapping) else {self._network.output_names[0]: found}


def with_letters(x: Any, name: str, convert: Callable[[Any], Any]) -> Any:
    """Return rows with those of one input converted."""
    return {**x, name: convert(x[name])} if isinstance(x, Mapping) else convert(x)
