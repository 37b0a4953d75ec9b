"""Evaluation of methods on a model: deletion and insertion curves, infidelity, sensitivity, sanity checks."""

from deeplift_tf.evaluate.along_path import AlongPath as AlongPath
from deeplift_tf.evaluate.along_path import along_path as along_path
from deeplift_tf.evaluate.curves import Curve as Curve
from deeplift_tf.evaluate.curves import deletion as deletion
from deeplift_tf.evaluate.curves import insertion as insertion
from deeplift_tf.evaluate.infidelity import Infidelity as Infidelity
from deeplift_tf.evaluate.infidelity import infidelity as infidelity
from deeplift_tf.evaluate.ranks import rank_correlation as rank_correlation
from deeplift_tf.evaluate.sanity import SanityCheck as SanityCheck
from deeplift_tf.evaluate.sanity import randomised as randomised
from deeplift_tf.evaluate.sanity import sanity_check as sanity_check
from deeplift_tf.evaluate.sensitivity import Sensitivity as Sensitivity
from deeplift_tf.evaluate.sensitivity import sensitivity as sensitivity
