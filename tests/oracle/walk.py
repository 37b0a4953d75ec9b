"""DeepLIFT written slowly from the paper (Shrikumar et al., ICML 2017, sections 3.4 and 3.5), to judge the engine by.

Plain numpy in float64, one example at a time, positive and negative parts kept apart everywhere: a unit has Δ = Δ⁺ + Δ⁻
with Δ⁺ ≥ 0 ≥ Δ⁻, and multipliers m⁺ and m⁻ that say what Δ⁺ and Δ⁻ are worth; its contribution is m⁺Δ⁺ + m⁻Δ⁻.
Linear layers are explicit matrices of shape (inputs, outputs), convolutions among them. Nothing is done for speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Pair = tuple[Array, Array]  # what belongs to the positive part, what belongs to the negative part
RuleChoice = str | Mapping[str, str] | Callable[[str], str]


class Unit(NamedTuple):
    """What is known of a node before the way back: activation, reference activation, Δ⁺ and Δ⁻."""

    x: Array
    x0: Array
    plus: Array
    minus: Array

    @property
    def delta(self) -> Array:
        return self.x - self.x0


class Explanation(NamedTuple):
    """What is known of a node after the way back."""

    unit: Unit
    m_plus: Array
    m_minus: Array

    @property
    def contributions(self) -> Array:
        return self.m_plus * self.unit.plus + self.m_minus * self.unit.minus

    @property
    def multipliers(self) -> Array:
        """The one multiplier that an input has: m⁺ where Δ > 0, m⁻ where Δ < 0, their mean where Δ = 0."""
        return collapsed(self.unit.delta, self.m_plus, self.m_minus)


class Op(Protocol):
    """A layer: its function, the two parts of its output's Δ, and the multipliers of its inputs."""

    def forward(self, *x: Array) -> Array: ...

    def parts(self, inputs: Sequence[Unit], rule: str) -> Pair: ...

    def backward(
        self, inputs: Sequence[Unit], output: Unit, m_plus: Array, m_minus: Array, rule: str
    ) -> list[Pair]: ...


class Node(NamedTuple):
    """A layer in its place: `inputs` names network inputs and nodes that stand before this one."""

    name: str
    op: Op
    inputs: tuple[str, ...]


def explain(
    nodes: Sequence[Node],
    x: Mapping[str, ArrayLike],
    x0: Mapping[str, ArrayLike],
    output_weights: ArrayLike,
    rule: RuleChoice = "rescale",
) -> dict[str, Explanation]:
    """Explain Σ output_weights · Δ(last node) for one example, by 'rescale' or 'reveal_cancel' or a choice per node."""
    units = {name: input_unit(np.asarray(x[name], float), np.asarray(x0[name], float)) for name in x}
    nodes = with_ties_decided(nodes, x, x0)
    for node in nodes:
        sources = [units[name] for name in node.inputs]
        y, y0 = node.op.forward(*[u.x for u in sources]), node.op.forward(*[u.x0 for u in sources])
        units[node.name] = Unit(y, y0, *node.op.parts(sources, rule_of(rule, node.name)))

    m_plus = {name: np.zeros_like(unit.x) for name, unit in units.items()}
    m_minus = {name: np.zeros_like(unit.x) for name, unit in units.items()}
    target = nodes[-1].name
    m_plus[target] += np.asarray(output_weights, float)
    m_minus[target] += np.asarray(output_weights, float)
    for node in reversed(nodes):
        sources, output = [units[name] for name in node.inputs], units[node.name]
        pairs = node.op.backward(sources, output, m_plus[node.name], m_minus[node.name], rule_of(rule, node.name))
        for name, (plus, minus) in zip(node.inputs, pairs, strict=True):  # the multipliers of several consumers add up
            m_plus[name] += plus
            m_minus[name] += minus
    return {name: Explanation(units[name], m_plus[name], m_minus[name]) for name in units}


def with_ties_decided(nodes: Sequence[Node], x: Mapping[str, ArrayLike], x0: Mapping[str, ArrayLike]) -> Sequence[Node]:
    """Tell maxima what their units were before an activation that may have made them equal."""
    values = {name: (np.asarray(x[name], float), np.asarray(x0[name], float)) for name in x}
    before: dict[str, Pair] = {}
    found = []
    for node in nodes:
        inputs = [values[name] for name in node.inputs]
        old = [before.get(name, values[name]) for name in node.inputs]
        behind = any(name in before for name in node.inputs)
        if behind and hasattr(node.op, "decided_by"):
            node = node._replace(op=node.op.decided_by(old))
        if hasattr(node.op, "before_output") and (behind or hasattr(node.op, "function")):
            output = node.op.before_output(old)
            before |= {} if output is None else {node.name: output}
        values[node.name] = (node.op.forward(*[v for v, _ in inputs]), node.op.forward(*[v0 for _, v0 in inputs]))
        found.append(node)
    return found


def explain_rows(
    nodes: Sequence[Node],
    x: Mapping[str, Array],
    x0: Mapping[str, Array],
    output_weights: ArrayLike,
    rule: RuleChoice = "rescale",
) -> list[dict[str, Explanation]]:
    """`explain` for each row of x and x0, arrays of shape (rows, ...); the same output weights for every row."""
    rows = range(len(next(iter(x.values()))))
    return [explain(nodes, {n: x[n][i] for n in x}, {n: x0[n][i] for n in x}, output_weights, rule) for i in rows]


def rule_of(rule: RuleChoice, name: str) -> str:
    if isinstance(rule, str):
        return rule
    return rule(name) if callable(rule) else rule.get(name, rule.get("default", "rescale"))


def input_unit(x: Array, x0: Array) -> Unit:
    return Unit(x, x0, positive(x - x0), negative(x - x0))


def positive(a: Array) -> Array:
    return np.where(a > 0, a, 0.0)


def negative(a: Array) -> Array:
    return np.where(a < 0, a, 0.0)


def collapsed(delta: Array, m_plus: Array, m_minus: Array) -> Array:
    """One multiplier out of two, for a difference that is not split into parts."""
    return np.where(delta > 0, m_plus, np.where(delta < 0, m_minus, (m_plus + m_minus) / 2))
