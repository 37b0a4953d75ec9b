"""Connections of functional models of Keras 1 and 2, rewritten in the form of Keras 3."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"})
"""Layers whose further inputs are states: Keras 2 lists them with the sequence, Keras 3 as an argument."""


def single(tensors: Any) -> Any:
    """Keras 2 lists a single input or output too; Keras 3 would then return a list."""
    is_one = isinstance(tensors, list) and len(tensors) == 1 and isinstance(tensors[0], list)
    return tensors[0] if is_one else tensors


class LegacyGraph:
    """Who feeds whom in a functional model of Keras 1 and 2.

    There a model inside a model counts its calls from 1, the 0th being its own definition; in Keras 3 from 0, except
    where the output of the outer model is named. Which layers count from 1 is read off the references themselves: the
    last call of a layer is always referred to, else it would not be part of the model.
    """

    def __init__(self, layers: list[Config], outputs: Any) -> None:
        self.names = {layer["name"] for layer in layers}
        self.classes = {layer["name"]: layer["class_name"] for layer in layers}
        self.calls = {layer["name"]: len(layer.get("inbound_nodes") or []) for layer in layers}
        self.last: dict[str, int] = {}
        for layer in layers:
            self._note(layer.get("inbound_nodes"))
        self._note(outputs)

    def _note(self, value: Any) -> None:
        if self._is_reference(value):
            self.last[value[0]] = max(self.last.get(value[0], 0), value[1])
            value = value[3:]
        if isinstance(value, list):
            for item in value:
                self._note(item)
        elif isinstance(value, dict):
            for item in value.values():
                self._note(item)

    def _is_reference(self, value: Any) -> bool:
        return (
            isinstance(value, list)
            and len(value) in (3, 4)
            and isinstance(value[0], str)
            and value[0] in self.names
            and isinstance(value[1], int)
            and isinstance(value[2], int)
        )

    def _call(self, name: str, call: int) -> int:
        counts_from_one = self.calls[name] > 0 and self.last.get(name, 0) >= self.calls[name]
        return call - counts_from_one

    def outputs(self, tensors: Any) -> Any:
        """Return the outputs of the model, counted as Keras 3 does."""
        if self._is_reference(tensors):
            name, call, position = tensors[:3]
            is_functional = self.classes[name] in ("Functional", "Model")
            return [name, self._call(name, call) + is_functional, position]
        if isinstance(tensors, dict):
            return {key: self.outputs(value) for key, value in tensors.items()}
        return [self.outputs(value) for value in tensors]

    def nodes(self, layer: Config) -> list[Config]:
        """Return the calls of one layer, as positional and keyword arguments."""
        return [self._node(layer["class_name"], node) for node in layer.get("inbound_nodes") or []]

    def _node(self, class_name: str, node: Any) -> Config:
        if isinstance(node, dict) and "args" in node:
            return node
        entries = node if isinstance(node, list) and not _is_entry(node) else [node]
        tensors = [self._tensor(entry) for entry in entries]
        kwargs: Config = {}
        for entry in entries:
            if len(entry) > 3 and isinstance(entry[3], dict):
                kwargs.update({key: self._argument(value) for key, value in entry[3].items()})
        if class_name in RECURRENT and len(tensors) > 1:
            return {"args": tensors[:1], "kwargs": {**kwargs, "initial_state": tensors[1:]}}
        return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": kwargs}

    def _tensor(self, entry: Any) -> Any:
        if not _is_entry(entry):
            raise ValueError(f"expected a reference [layer, call, output]; found {str(entry)[:80]}")
        return entry[2] if entry[0] == "_CONSTANT_VALUE" else self._reference(entry)

    def _argument(self, value: Any) -> Any:
        if self._is_reference(value):
            return self._reference(value)
        if isinstance(value, list):
            return [self._argument(item) for item in value]
        return value

    def _reference(self, entry: list[Any]) -> Config:
        """Return a tensor as Keras 3 writes it; its shape is a placeholder, replaced by the tensor named."""
        name, call, position = entry[:3]
        if name not in self.names:
            raise ValueError(f"expected a reference to one of the model's layers; found {name!r}")
        history = [name, self._call(name, call), position]
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None], "dtype": "float32", "keras_history": history},
        }


def _is_entry(node: Any) -> bool:
    return isinstance(node, list) and len(node) in (3, 4) and isinstance(node[0], str) and isinstance(node[1], int)
