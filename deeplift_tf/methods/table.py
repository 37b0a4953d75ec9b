"""The table of all methods by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from deeplift_tf.errors import InputError, MethodError
from deeplift_tf.methods.cam import grad_cam, grad_cam_plus_plus, guided_grad_cam, rsi_grad_cam
from deeplift_tf.methods.deep_shap import deep_shap
from deeplift_tf.methods.gradients import deconvnet, deeplift, gradient, gradient_times_input, guided_backprop
from deeplift_tf.methods.noise import smoothgrad
from deeplift_tf.methods.path import expected_gradients, integrated_gradients
from deeplift_tf.methods.perturbation import in_silico_mutagenesis, occlusion
from deeplift_tf.scoring.scores import Scores

Method = Callable[..., Scores]


class BoundMethod(partial[Scores]):
    """A method under a name that stands for some of its arguments: those are closed."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Scores:
        """Call the method.

        Raises
        ------
        MethodError
            If an argument is given that the name stands for.
        """
        if closed := sorted(self.keywords.keys() & keywords.keys()):
            fixed = ", ".join(f"{name}={self.keywords[name]!r}" for name in closed)
            raise MethodError(
                f"method: this one is {self.func.__name__} with {fixed}; received "
                + ", ".join(f"{name}={keywords[name]!r}" for name in closed)
            )
        return super().__call__(*arguments, **keywords)


METHODS: dict[str, Method] = {
    "deeplift": deeplift,
    "rescale": BoundMethod(deeplift, rule="rescale"),
    "reveal_cancel": BoundMethod(deeplift, rule="reveal_cancel"),
    "gradient": gradient,
    "gradient_times_input": gradient_times_input,
    "guided_backprop": guided_backprop,
    "deconvnet": deconvnet,
    "smoothgrad": smoothgrad,
    "integrated_gradients": integrated_gradients,
    "expected_gradients": expected_gradients,
    "deep_shap": deep_shap,
    "grad_cam": grad_cam,
    "grad_cam_plus_plus": grad_cam_plus_plus,
    "guided_grad_cam": guided_grad_cam,
    "rsi_grad_cam": rsi_grad_cam,
    "occlusion": occlusion,
    "in_silico_mutagenesis": in_silico_mutagenesis,
}

WITHOUT_REFERENCES = frozenset(
    {
        "gradient",
        "guided_backprop",
        "deconvnet",
        "smoothgrad",
        "grad_cam",
        "grad_cam_plus_plus",
        "guided_grad_cam",
        "in_silico_mutagenesis",
    }
)


def register(name: str) -> Callable[[Method], Method]:
    """Register a method of your own, for `compare`, the sanity checks and the command line.

    It takes the arguments of the others and returns `Scores`::

        @dl.methods.register("half_gradient")
        def half_gradient(network, x, references=None, target=0, **options):
            scores = dl.methods.gradient(network, x, references, target, **options)
            return scores.replace(contributions=scores.contributions / 2)

    Parameters
    ----------
    name : str
        Words with underscores between them.

    Raises
    ------
    ValueError
        If the name is taken.
    """

    def enter(method: Method) -> Method:
        if name in METHODS:
            raise ValueError(f"a method named {name!r} is registered already")
        METHODS[name] = method
        return method

    return enter


def method_named(method: str | Method) -> Method:
    """Return a method by its name; a callable is one already.

    Raises
    ------
    InputError
        If there is no such method.
    """
    if callable(method):
        return method
    if method not in METHODS:
        raise InputError(f"methods: expected one of {', '.join(METHODS)}; received {method!r}")
    return METHODS[method]


def name_of(method: str | Method) -> str:
    """Return the name of a method: that of a partial is the function's."""
    if isinstance(method, str):
        return method
    inner = method.func if isinstance(method, partial) else method
    return str(getattr(inner, "__name__", type(inner).__name__))
