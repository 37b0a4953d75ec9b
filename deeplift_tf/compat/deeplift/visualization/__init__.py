"""The logo module, under the name that deeplift scripts import."""

from deeplift_tf.compat.deeplift.visualization import viz_sequence as viz_sequence
