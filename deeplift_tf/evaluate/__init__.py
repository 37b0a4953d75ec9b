"""Evaluation of methods on a model: comparisons, deletion and insertion curves, sanity checks."""

from deeplift_tf.evaluate.curves import Curve as Curve
from deeplift_tf.evaluate.curves import deletion as deletion
from deeplift_tf.evaluate.curves import insertion as insertion
from deeplift_tf.evaluate.ranks import rank_correlation as rank_correlation
from deeplift_tf.evaluate.sanity import SanityCheck as SanityCheck
from deeplift_tf.evaluate.sanity import randomised as randomised
from deeplift_tf.evaluate.sanity import sanity_check as sanity_check
