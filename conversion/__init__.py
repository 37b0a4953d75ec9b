"""The autoconverter: turns a saved Keras model into a network of DeepLIFT layers. `convert` is the only entry point."""

if __name__ != "deeplift_tf.conversion":  # under a second name there would be a second registry
    raise ImportError(f"import deeplift_tf.conversion: this package was imported as {__name__!r}")

from deeplift_tf.keras_backend import require_tensorflow

require_tensorflow()  # before Keras is imported, so that nothing is half imported where it must not be

from deeplift_tf.conversion.convert import convert as convert  # noqa: E402
from deeplift_tf.conversion.keras_graph.context import ConversionContext as ConversionContext  # noqa: E402
from deeplift_tf.conversion.keras_graph.registry import register as register  # noqa: E402
from deeplift_tf.conversion.readers.file_readers import register_reader as register_reader  # noqa: E402
