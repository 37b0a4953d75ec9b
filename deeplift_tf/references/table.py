"""All references by the names that the command line knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deeplift_tf.references.image import blurred
from deeplift_tf.references.sequence import dinucleotide_shuffle, gc_content, shuffle, uniform_frequencies
from deeplift_tf.references.simple import another_example, background_sample, channel_mean, constant, mean, zeros
from deeplift_tf.references.uniform_output import uniform_output

REFERENCES: dict[str, Callable[..., Any]] = {
    make.__name__: make
    for make in (
        zeros,
        constant,
        mean,
        channel_mean,
        blurred,
        another_example,
        background_sample,
        uniform_frequencies,
        gc_content,
        shuffle,
        dinucleotide_shuffle,
        uniform_output,
    )
}
