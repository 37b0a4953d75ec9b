"""The layers of the oracle: affine maps as explicit matrices, the maximum, nonlinearities, products."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.oracle.walk import Array, Pair, Unit, collapsed, negative, positive


@dataclass(frozen=True)
class Linear:
    """The Linear rule: Dense and convolutional layers, y = x W + b with x flattened, W of shape (inputs, outputs)."""

    weights: Array
    bias: Array
    shape: tuple[int, ...]

    def forward(self, *x: Array) -> Array:
        return np.asarray((x[0].ravel() @ self.weights + self.bias).reshape(self.shape))

    def parts(self, inputs: Sequence[Unit], rule: str) -> Pair:
        terms = inputs[0].delta.ravel()[:, None] * self.weights  # wᵢΔxᵢ, which goes to Δy⁺ or to Δy⁻ as a whole
        return positive(terms).sum(0).reshape(self.shape), negative(terms).sum(0).reshape(self.shape)

    def backward(self, inputs: Sequence[Unit], output: Unit, m_plus: Array, m_minus: Array, rule: str) -> list[Pair]:
        delta = inputs[0].delta.ravel()[:, None]
        # m(Δx, Δy⁺) = w 1{wΔx > 0} and m(Δx, Δy⁻) = w 1{wΔx < 0}, the same for Δx⁺ and Δx⁻; ½w each where Δx = 0
        half = np.where(delta == 0, self.weights / 2, 0.0)
        to_plus = np.where(self.weights * delta > 0, self.weights, half)
        to_minus = np.where(self.weights * delta < 0, self.weights, half)
        m = (to_plus @ m_plus.ravel() + to_minus @ m_minus.ravel()).reshape(inputs[0].x.shape)
        return [(m, m)]


@dataclass(frozen=True)
class Routing:
    """Affine maps that keep the parts of each input apart: y = Σ xᵢ Aᵢ + b, all flattened.

    A positive entry sends Δ⁺ to Δ⁺ and Δ⁻ to Δ⁻; a negative entry sends Δ⁺ to Δ⁻ and Δ⁻ to Δ⁺.
    """

    matrices: tuple[Array, ...]
    bias: Array
    shape: tuple[int, ...]

    def before_output(self, before: Sequence[Pair]) -> Pair | None:
        """What it makes of values before an activation: where it moves and scales them, but not where it adds some."""
        apart = len(before) == 1 or max(sum((a != 0).sum(0) for a in self.matrices)) == 1
        return (self.forward(*[x for x, _ in before]), self.forward(*[x0 for _, x0 in before])) if apart else None

    def forward(self, *x: Array) -> Array:
        return np.asarray(
            sum((v.ravel() @ a for v, a in zip(x, self.matrices, strict=True)), self.bias).reshape(self.shape)
        )

    def parts(self, inputs: Sequence[Unit], rule: str) -> Pair:
        plus, minus = np.zeros(self.shape), np.zeros(self.shape)
        for unit, a in zip(inputs, self.matrices, strict=True):
            plus += (unit.plus.ravel() @ positive(a) + unit.minus.ravel() @ negative(a)).reshape(self.shape)
            minus += (unit.minus.ravel() @ positive(a) + unit.plus.ravel() @ negative(a)).reshape(self.shape)
        return plus, minus

    def backward(self, inputs: Sequence[Unit], output: Unit, m_plus: Array, m_minus: Array, rule: str) -> list[Pair]:
        pairs = []
        for unit, a in zip(inputs, self.matrices, strict=True):
            plus = positive(a) @ m_plus.ravel() + negative(a) @ m_minus.ravel()
            minus = positive(a) @ m_minus.ravel() + negative(a) @ m_plus.ravel()
            pairs.append((plus.reshape(unit.x.shape), minus.reshape(unit.x.shape)))
        return pairs


def joined(arrays: Sequence[Array]) -> Array:
    """One row of the units of several arrays."""
    return np.concatenate([array.ravel() for array in arrays])


@dataclass(frozen=True)
class Max:
    """The largest of each window; a window lists positions of the flattened, joined inputs.

    Where Δy > 0 the position of the largest x, where Δy < 0 that of the largest x⁰, passes Δy on alone, with slope
    Δy / Δx, or 1 where Δx = 0 there: for this example, a `Routing` map. Of positions that tie, the one whose other
    end is the largest; of those, the one that was largest before an activation made them equal; then the first.
    """

    windows: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    before: tuple[Pair, ...] = ()  # x and x⁰ of each input without the activation that it comes from

    def decided_by(self, before: Sequence[Pair]) -> Max:
        return dataclasses.replace(self, before=tuple(before))

    def before_output(self, before: Sequence[Pair]) -> Pair | None:
        return self.forward(*[x for x, _ in before]), self.forward(*[x0 for _, x0 in before])

    def forward(self, *x: Array) -> Array:
        units = joined(x)
        return np.array([units[list(window)].max() for window in self.windows]).reshape(self.shape)

    def parts(self, inputs: Sequence[Unit], rule: str) -> Pair:
        return self.as_diagonal(inputs).parts(inputs, rule)

    def backward(self, inputs: Sequence[Unit], output: Unit, m_plus: Array, m_minus: Array, rule: str) -> list[Pair]:
        return self.as_diagonal(inputs).backward(inputs, output, m_plus, m_minus, rule)

    def as_diagonal(self, inputs: Sequence[Unit]) -> Routing:
        x, x0 = joined([u.x for u in inputs]), joined([u.x0 for u in inputs])
        # the unit that holds the larger of y and y⁰ has the larger end; then what it was before that
        pairs = [(x, x0)]
        if self.before:
            pairs.append((joined([u for u, _ in self.before]), joined([u0 for _, u0 in self.before])))
        keys = np.stack([each for a, a0 in pairs for each in (np.maximum(a, a0), np.minimum(a, a0))], -1)
        matrix = np.zeros((x.size, len(self.windows)))
        for j, window in enumerate(self.windows):
            places = list(window)
            delta = x[places].max() - x0[places].max()
            place = places[max(range(len(places)), key=[tuple(keys[i]) for i in places].__getitem__)]
            moved = x[place] - x0[place]
            matrix[place, j] = 1.0 if moved == 0 else delta / moved
        ends = np.cumsum([u.x.size for u in inputs])[:-1]
        return Routing(tuple(np.split(matrix, ends)), np.zeros(len(self.windows)), self.shape)


class Function(NamedTuple):
    """A function of one number, its derivative (at a kink, from the left), and whether it falls nowhere."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    rising: bool = True


# Below this a difference quotient loses more digits to cancellation than the derivative at the midpoint to curvature.
NEAR = 1e-5


@dataclass(frozen=True)
class Elementwise:
    """y = f(x), by the Rescale or the RevealCancel rule.

    By RevealCancel the effect of Δx⁺ on y is the average of adding it before and after Δx⁻:
    ½[f(x⁰+Δx⁺) − f(x⁰)] + ½[f(x⁰+Δx⁻+Δx⁺) − f(x⁰+Δx⁻)]; that of Δx⁻ likewise. By Rescale the effects are
    Δx⁺ and Δx⁻ times Δy/Δx. The paper's f increases, and so the effect of Δx⁺ is Δy⁺. Where f falls, that effect is
    negative: it belongs to Δy⁻ and is worth m⁻; so for each effect its sign decides.
    """

    function: Function

    def before_output(self, before: Sequence[Pair]) -> Pair | None:
        return before[0] if self.function.rising else None

    def forward(self, *x: Array) -> Array:
        return self.function.value(x[0])

    def slopes(self, unit: Unit, rule: str) -> Pair:
        """Return effect of Δx⁺ / Δx⁺ and effect of Δx⁻ / Δx⁻."""
        x0, plus, minus = unit.x0, unit.plus, unit.minus
        if rule == "rescale":
            slope = self.slope(x0, unit.delta, right=False)
            return slope, slope
        if rule == "reveal_cancel":
            of_plus = (self.slope(x0, plus, right=True) + self.slope(x0 + minus, plus, right=True)) / 2
            of_minus = (self.slope(x0, minus, right=True) + self.slope(x0 + plus, minus, right=True)) / 2
            return of_plus, of_minus
        raise ValueError(f"rule must be 'rescale' or 'reveal_cancel'; received {rule!r}")

    def slope(self, start: Array, step: Array, right: bool) -> Array:
        """[f(start + step) − f(start)] / step; for a step of nothing the derivative, of the right side if `right`."""
        near = np.abs(step) < NEAR
        middle = start + step / 2
        derivative = self.function.derivative(np.nextafter(middle, np.inf) if right else middle)
        rise = self.function.value(start + step) - self.function.value(start)
        return np.where(near, derivative, rise / np.where(near, 1.0, step))

    def parts(self, inputs: Sequence[Unit], rule: str) -> Pair:
        of_plus, of_minus = self.slopes(inputs[0], rule)
        effects = (of_plus * inputs[0].plus, of_minus * inputs[0].minus)
        return positive(effects[0]) + positive(effects[1]), negative(effects[0]) + negative(effects[1])

    def backward(self, inputs: Sequence[Unit], output: Unit, m_plus: Array, m_minus: Array, rule: str) -> list[Pair]:
        of_plus, of_minus = self.slopes(inputs[0], rule)
        plus = of_plus * np.where(of_plus >= 0, m_plus, m_minus)
        minus = of_minus * np.where(of_minus >= 0, m_minus, m_plus)
        return [(plus, minus)]


class Multiply:
    """y = u v, which keeps no parts: each factor is worth the mean of the other and the other's reference."""

    def forward(self, *x: Array) -> Array:
        return x[0] * x[1]

    def parts(self, inputs: Sequence[Unit], rule: str) -> Pair:
        delta = self.forward(*[u.x for u in inputs]) - self.forward(*[u.x0 for u in inputs])
        return positive(delta), negative(delta)

    def backward(self, inputs: Sequence[Unit], output: Unit, m_plus: Array, m_minus: Array, rule: str) -> list[Pair]:
        (u, v), m = inputs, collapsed(output.delta, m_plus, m_minus)
        of_u, of_v = m * (v.x + v.x0) / 2, m * (u.x + u.x0) / 2
        return [(of_u, of_u), (of_v, of_v)]
