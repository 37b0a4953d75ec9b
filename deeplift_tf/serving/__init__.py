"""Serving: scoring functions as SavedModels, which run without this package.

`export` writes one; `Score.export` is the same. `provenance` reads what the folder of one says about itself. `shuffle`
and `dinucleotide_shuffle` are references made of TensorFlow operations, for use in an exported function and, with the
same results, in Python.
"""

from deeplift_tf.sequences.shuffles import dinucleotide_shuffle as dinucleotide_shuffle
from deeplift_tf.sequences.shuffles import shuffle as shuffle
from deeplift_tf.serving.export import export as export
from deeplift_tf.serving.provenance import provenance as provenance
