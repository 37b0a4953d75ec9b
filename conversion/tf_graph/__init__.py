"""Conversion of a graph of TensorFlow operations into a graph of layers, for models without layers.

`flattening` lays functions and loops open, `fusing` finds activations, softmax and norms by what they compute, and
`walk` turns operation after operation into layers, by the tables in `families`. A stranger who misses an operation
adds a line there.
"""
