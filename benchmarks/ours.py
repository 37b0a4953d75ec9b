"""What is measured in TensorFlow: prediction and gradient of the Keras model, and this package."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import deeplift_tf as dl
from benchmarks.cases import SEVERAL, TARGET, TARGETS, Case, Data
from benchmarks.models import gradient_times_input
from benchmarks.timing import Thing, each_missed, mean_difference, median_apart, missed


class Ours:
    """Makes the things to be measured for one network and its data.

    Parameters
    ----------
    case : Case
    model : keras.Model
    data : Data
    """

    def __init__(self, case: Case, model: keras.Model, data: Data) -> None:
        self.case, self.model, self.data = case, model, data
        self.network = dl.convert(model)
        self._scores: dict[Any, Any] = {}
        self._predict = tf.function(lambda x: model(x, training=False))
        self._gradient = gradient_times_input(model, case.head)

    def things(self) -> dict[str, Callable[[], Thing]]:
        """Return how to make each thing, by name; some make a network first."""
        data = self.data
        return {
            "predict": lambda: Thing(lambda: self.outputs(data.x), len(data.x)),
            "gradient": lambda: Thing(self.gradient, len(data.x)),
            "rescale": lambda: self.scores("rescale", data.shared[0]),
            "rescale_new": self.another_reference,
            "rescale_20_shared": self.several_shared,
            "rescale_each": lambda: self.scores("rescale", data.each),
            "rescale_20": lambda: self.scores("rescale", data.several),
            "genomics_default": lambda: self.scores("genomics_default", data.shared[0]),
            "reveal_cancel": lambda: self.scores("reveal_cancel", data.shared[0]),
            "rescale_xla": lambda: self.scores("rescale", data.shared[0], jit_compile=True),
            "genomics_default_xla": lambda: self.scores("genomics_default", data.shared[0], jit_compile=True),
            "reveal_cancel_xla": lambda: self.scores("reveal_cancel", data.shared[0], jit_compile=True),
            "ten_targets": self.ten_targets,
            "one_of_ten": self.one_of_ten,
            "own_gradient": self.own_gradient,
        }

    def on(self, data: Data) -> Ours:
        """Return the same functions on other data."""
        other = copy.copy(self)
        other.data = data
        return other

    def score(self, rule: str, apart: str = "", **options: Any) -> Any:
        """Return the scoring function of a rule, compiled with some options; it is made once.

        One that is given other references between calls stands apart: what each makes of the last ones is kept.
        """
        key = (rule, apart, *options.items())
        if key not in self._scores:
            self._scores[key] = self.network.with_rule(rule).compile(**options)
        return self._scores[key]

    def outputs(self, x: np.ndarray, head: str | None = None) -> np.ndarray:
        """Return what the Keras model predicts, shape (N, outputs)."""
        outputs = self._predict(tf.constant(x))
        return (outputs[head or self.case.head] if isinstance(outputs, dict) else outputs).numpy()

    def gradient(self) -> np.ndarray:
        """Return gradient x input of the Keras model."""
        return self._gradient(self.data.x)

    def differences(self, references: np.ndarray, head: str | None = None) -> np.ndarray:
        """Return the outputs of the Keras model less the mean over references, shape (N, outputs)."""
        count = len(references) if references.ndim > self.data.x.ndim else len(self.data.x)
        flat = references.reshape(-1, *self.case.shape)
        flat = np.repeat(flat, count, 0) if len(flat) == 1 else flat
        parts = [self.outputs(flat[i : i + 32], head) for i in range(0, len(flat), 32)]
        return mean_difference(self.outputs(self.data.x[:count], head), np.concatenate(parts))

    def scores(self, rule: str, references: np.ndarray, **options: Any) -> Thing:
        """Return the scoring of the batch under a rule, or of the first examples with several references each."""
        score = self.score(rule, **options)
        several = references.ndim > self.data.x.ndim
        x = self.data.x[: len(references)] if several else self.data.x
        pairs = len(x) * (SEVERAL if several else 1)

        def call() -> Any:
            return score(x, references, target=TARGET, output=self.case.head, batch_size=pairs)

        return Thing(call, pairs, lambda s: missed(s.contributions, self.differences(references)[:, TARGET]))

    def several_shared(self) -> Thing:
        """Return the scoring of the first examples with several references that they share."""
        score, x, several = (
            self.score("rescale", apart="several"),
            self.data.x[: self.case.examples],
            self.data.several[:1],
        )

        def call() -> Any:
            return score(x, several, target=TARGET, output=self.case.head, batch_size=len(x) * SEVERAL)

        repeated = np.repeat(several, len(x), 0)
        return Thing(call, len(x) * SEVERAL, lambda s: missed(s.contributions, self.differences(repeated)[:, TARGET]))

    def another_reference(self) -> Thing:
        """Return the scoring of the batch against a shared reference that is another one in each call."""
        score, x, shared = self.score("rescale", apart="new"), self.data.x, self.data.shared
        turn = itertools.count()

        def call() -> Any:
            references = np.roll(shared, next(turn), 1)
            return score(x, references, target=TARGET, output=self.case.head, batch_size=len(x))

        return Thing(call, len(x), lambda s: missed(s.contributions, self.differences(shared)[:, TARGET]))

    def ten_targets(self) -> Thing:
        """Return the scoring of ten targets in one call."""
        score, head = self.score("rescale"), self.case.targets_head
        x, shared = self.data.x, self.data.shared

        def call() -> Any:
            return score(x, shared, targets=[*TARGETS], output=head, batch_size=len(x))

        def error(scores: Any) -> float:
            return each_missed(scores.contributions, [*self.differences(shared, head).T[: len(TARGETS)]])

        return Thing(call, len(x), error)

    def one_of_ten(self) -> Thing:
        """Return the scoring of one of those targets: ten such calls are the alternative."""
        score, head = self.score("rescale"), self.case.targets_head
        x, shared = self.data.x, self.data.shared

        def call() -> Any:
            return score(x, shared, target=TARGETS[0], output=head, batch_size=len(x))

        return Thing(call, len(x), lambda s: missed(s.contributions, self.differences(shared, head)[:, TARGETS[0]]))

    def own_gradient(self) -> Thing:
        """Return gradient x input of our network; its error is how far it lies from the model's own.

        In the middle example: a few of the millions of pooling windows are ties but for rounding, and settle otherwise.
        """
        score, x, shared = self.score("gradient"), self.data.x, self.data.shared

        def call() -> Any:
            return score(x, shared, target=TARGET, output=self.case.head, batch_size=len(x))

        return Thing(call, len(x), lambda s: median_apart(s.multipliers * x, self.gradient()))
