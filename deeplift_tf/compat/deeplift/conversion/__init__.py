"""Where old scripts look for the converter."""

from deeplift_tf.compat.deeplift.conversion import kerasapi_conversion as kerasapi_conversion
