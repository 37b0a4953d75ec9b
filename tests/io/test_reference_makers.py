from __future__ import annotations

import pytest

import deeplift_tf as dl
from deeplift_tf.errors import ReferencesError
from deeplift_tf.io.reference_makers import named_references


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("dinucleotide-shuffle:20", dl.references.dinucleotide_shuffle(20, seed=3)),
        ("dinucleotide_shuffle", dl.references.dinucleotide_shuffle(seed=3)),
        ("blurred:1.5", dl.references.blurred(1.5)),
        ("gc-content", dl.references.gc_content()),
        ("constant:-2", dl.references.constant(-2.0)),
        ("uniform-frequencies", dl.references.uniform_frequencies()),
    ],
)
def test_names(given: str, expected: dl.references.Maker) -> None:
    made = named_references(given, seed=3)
    assert made is not None
    assert (made.make.func, made.make.keywords) == (expected.make.func, expected.make.keywords)


def test_what_is_no_name() -> None:
    assert named_references("references.npy") is None
    assert named_references("0.5") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("shuffle:2.5", "expected shuffle:NUMBER, its count; received 'shuffle:2.5'"),
        ("constant", "expected constant:NUMBER, its value"),
        ("uniform-frequencies:3", "uniform-frequencies takes no number"),
        ("gc-content:2", "expected a fraction from 0 to 1"),
    ],
)
def test_numbers_that_do_not_fit(given: str, message: str) -> None:
    with pytest.raises(ReferencesError, match=message):
        named_references(given)
