"""The converter module, under the name that deeplift scripts import."""

from deeplift_tf.compat.deeplift.conversion import kerasapi_conversion as kerasapi_conversion
