"""Tables of TensorFlow operations by family: what each becomes. A new operation is one line."""

from deeplift_tf.conversion.tf_graph.families import arithmetic as arithmetic
from deeplift_tf.conversion.tf_graph.families import gates as gates
from deeplift_tf.conversion.tf_graph.families import linear as linear
from deeplift_tf.conversion.tf_graph.families import moving as moving
from deeplift_tf.conversion.tf_graph.families import products as products
from deeplift_tf.conversion.tf_graph.families import reducing as reducing
from deeplift_tf.conversion.tf_graph.families import scalars as scalars
