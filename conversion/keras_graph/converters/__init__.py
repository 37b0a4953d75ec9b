"""One file for each family of Keras layers; importing this package fills the registry."""

from deeplift_tf.conversion.keras_graph.converters import activation as activation
from deeplift_tf.conversion.keras_graph.converters import attention as attention
from deeplift_tf.conversion.keras_graph.converters import convolution as convolution
from deeplift_tf.conversion.keras_graph.converters import dense as dense
from deeplift_tf.conversion.keras_graph.converters import merging as merging
from deeplift_tf.conversion.keras_graph.converters import normalization as normalization
from deeplift_tf.conversion.keras_graph.converters import pooling as pooling
from deeplift_tf.conversion.keras_graph.converters import recurrent as recurrent
from deeplift_tf.conversion.keras_graph.converters import reshaping as reshaping
from deeplift_tf.conversion.keras_graph.converters import resizing as resizing
from deeplift_tf.conversion.keras_graph.converters import tokens as tokens
