"""Serving: scoring functions as SavedModels, which run without this package.

`export` writes one; `Score.export` is the same. `shuffle` and `dinucleotide_shuffle` are references made of TensorFlow
operations, for use in an exported function and, with the same results, in Python.
"""

from deeplift_tf.sequences.shuffles import dinucleotide_shuffle as dinucleotide_shuffle
from deeplift_tf.sequences.shuffles import shuffle as shuffle
from deeplift_tf.serving.export import export as export
