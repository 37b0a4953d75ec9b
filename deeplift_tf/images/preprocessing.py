"""Preprocessing of images as the models of ``keras.applications`` expect it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import keras
import numpy as np

from deeplift_tf.errors import InputError


def preprocess_input(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return ``preprocess_input`` of a module of ``keras.applications``.

    Parameters
    ----------
    name : str
        "resnet50", "mobilenet_v2", "vgg16", ...

    Raises
    ------
    InputError
        If there is no such module; lists the available ones.
    """
    known = sorted(
        each for each in dir(keras.applications) if hasattr(getattr(keras.applications, each), "preprocess_input")
    )
    if name not in known:
        raise InputError(f"preprocessing: expected one of {', '.join(known)}; received {name!r}")
    function = import_module(f"keras.applications.{name}").preprocess_input
    return lambda pictures: np.asarray(function(pictures.copy()))  # it may change its argument
