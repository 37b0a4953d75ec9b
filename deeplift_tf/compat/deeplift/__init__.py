"""The interface of kundajelab/deeplift: ``from deeplift_tf.compat import deeplift`` in place of ``import deeplift``.

Arguments and shapes are those of deeplift 0.6; the scores are this package's. They differ on purpose where the
original's do not sum to the difference: max pooling with references that are not uniform, and activations whose
difference is nearly zero.
"""

from deeplift_tf.compat.deeplift import conversion as conversion
from deeplift_tf.compat.deeplift import dinuc_shuffle as dinuc_shuffle
from deeplift_tf.compat.deeplift import layers as layers
from deeplift_tf.compat.deeplift import models as models
from deeplift_tf.compat.deeplift import util as util
from deeplift_tf.compat.deeplift import visualization as visualization
