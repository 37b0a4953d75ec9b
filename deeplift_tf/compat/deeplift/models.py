"""Models that make scoring functions with deeplift's arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deeplift_tf.compat.deeplift.variables import Layer
from deeplift_tf.errors import InputError, LayerNameError, ReferencesError
from deeplift_tf.graph.graph import Edge
from deeplift_tf.network import Network

ScoringFunction = Callable[..., Any]


def is_chain(network: Network) -> bool:
    """Whether a network has one input, one output, and every layer feeds the next one alone."""
    before = network.graph.inputs[0].edge.node if len(network.graph.inputs) == 1 else None
    for node in network.graph.nodes:
        if [edge.node for edge in node.inputs] != [before]:
            return False
        before = node.name
    return len(network.graph.outputs) == 1


class Model:
    """A network under deeplift's names.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._compiled: dict[tuple[str, ...], Any] = {}

    def node_name(self, key: Any) -> str:
        """Return the name that a layer has in the network."""
        raise NotImplementedError

    def _function(self, find: Any, target: Any, part: str) -> ScoringFunction:
        several = isinstance(find, (list, tuple))
        names = tuple(self.node_name(key) for key in (find if several else [find]))
        output = self.node_name(target)
        if names not in self._compiled:
            self._compiled[names] = self.network.compile(layers=list(names))
        score = self._compiled[names]

        def scores(
            task_idx: Any,
            input_data_list: Any,
            batch_size: int,
            progress_update: int | None = None,
            input_references_list: Any = None,
        ) -> Any:
            """Return a list of one array for each example; a list of such lists where several layers are asked for."""
            x = self._inputs(input_data_list)
            references = 0.0 if input_references_list is None else self._references(input_references_list, x)
            position = tuple(task_idx) if isinstance(task_idx, (list, tuple)) else int(task_idx)
            progress = said(progress_update, len(next(iter(x.values())))) if progress_update else False
            found = score(x, references, position, batch_size=batch_size, progress=progress, output=output)
            values = [list(getattr(found, part)[name]) for name in names]
            return values if several else values[0]

        return scores

    def _inputs(self, given: Any) -> dict[str, np.ndarray]:
        """Return arrays by the names of the network's inputs, from a list in their order or a dict of old names."""
        names = self.network.input_names
        if isinstance(given, Mapping):
            return {self.node_name(name): np.asarray(array) for name, array in given.items()}
        if len(given) != len(names):
            raise InputError(f"expected a list of {len(names)} arrays, one for each input; received {len(given)}")
        return dict(zip(names, (np.asarray(array) for array in given), strict=True))

    def _references(self, given: Any, x: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return references that broadcast against x, with x's shape or with one row for all.

        Raises
        ------
        ReferencesError
            If one of them does not broadcast.
        """
        return {name: broadcast(array, x[name].shape, name) for name, array in self._inputs(given).items()}


def broadcast(reference: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Return a reference in the shape of the input, with a single row if it is the same for all rows."""
    rows = reference.shape[0] if reference.ndim == len(shape) else 1
    try:
        return np.broadcast_to(reference, (rows, *shape[1:]))
    except ValueError as error:
        raise ReferencesError(
            f"input_references_list: expected for input {name!r} a shape that broadcasts to {shape}; "
            f"received {reference.shape}"
        ) from error


class SequentialModel(Model):
    """A chain of layers, which are known by their index; 0 is the input."""

    def get_layers(self) -> list[Layer]:
        """Return the input and the layers, in order."""
        names = [*self.network.input_names, *self.network.layers]
        return [Layer(self.network, Edge(name), str(index)) for index, name in enumerate(names)]

    def node_name(self, key: Any) -> str:
        """Return the name of a layer, from its index or name."""
        names = [*self.network.input_names, *self.network.layers]
        if isinstance(key, str):
            return key
        if not -len(names) <= key < len(names):
            raise LayerNameError(f"expected the index of a layer, below {len(names)}; received {key}")
        return names[key]

    def get_target_contribs_func(self, find_scores_layer_idx: Any, target_layer_idx: int = -2) -> ScoringFunction:
        """Return a function of (task_idx, input_data_list, batch_size, progress_update, input_references_list=None).

        Parameters
        ----------
        find_scores_layer_idx : int or list of int
        target_layer_idx : int
            -2, the layer before the final activation; -1 where the model ends without one.
        """
        return self._function(find_scores_layer_idx, target_layer_idx, "contributions")

    def get_target_multipliers_func(self, find_scores_layer_idx: Any, target_layer_idx: int = -2) -> ScoringFunction:
        """Return the same for multipliers."""
        return self._function(find_scores_layer_idx, target_layer_idx, "multipliers")


class GraphModel(Model):
    """Layers that are known by name: ``dense_1_0``, or ``preact_dense_1_0`` before the activation."""

    def get_name_to_layer(self) -> dict[str, Layer]:
        """Return the layers by their old names."""
        known = [*self.network.input_names, *self.network.layers]
        return {old_name(name): Layer(self.network, Edge(name), old_name(name)) for name in known}

    def get_input_layer_names(self) -> list[str]:
        """Return the old names of the inputs."""
        return [f"{name}_0" for name in self.network.input_names]

    def node_name(self, key: Any) -> str:
        """Return the name of a layer, from its old name or the one it has."""
        known = [*self.network.input_names, *self.network.layers]
        old = {old_name(name): name for name in known}
        found = old.get(key, key)
        if found not in known:
            raise LayerNameError(f"no layer is named {key!r}; the layers are {', '.join(old)}")
        return found

    def get_target_contribs_func(
        self, find_scores_layer_name: Any, pre_activation_target_layer_name: str
    ) -> ScoringFunction:
        """Return a function of (task_idx, input_data_list, batch_size, progress_update, input_references_list=None).

        Parameters
        ----------
        find_scores_layer_name : str or list of str
        pre_activation_target_layer_name : str
        """
        return self._function(find_scores_layer_name, pre_activation_target_layer_name, "contributions")

    def get_target_multipliers_func(
        self, find_scores_layer_name: Any, pre_activation_target_layer_name: str
    ) -> ScoringFunction:
        """Return the same for multipliers."""
        return self._function(find_scores_layer_name, pre_activation_target_layer_name, "multipliers")


def old_name(name: str) -> str:
    """Return the name that deeplift would give a layer: layer_use, with preact_ before the activation."""
    layer, _, inside = name.rpartition("/")
    if inside == "linear" and layer:
        return f"preact_{old_name(layer)}"
    return f"{layer}_{inside}" if layer and inside.isdigit() else f"{name}_0"


def said(every: int, rows: int) -> Callable[[int, int], None]:
    """Return a function that says how many examples are done, after each so many."""
    told = [0]

    def tell(done: int, total: int) -> None:
        examples = done * rows // max(total, 1)
        if examples // every > told[0]:
            told[0] = examples // every
            print("Done", examples)

    return tell
