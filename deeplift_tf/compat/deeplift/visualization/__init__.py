"""Where old scripts look for logos."""

from deeplift_tf.compat.deeplift.visualization import viz_sequence as viz_sequence
