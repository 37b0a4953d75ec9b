"""The mathematics: tensors, multipliers, rules and the secant slopes of scalar functions.

A `Rule` of your own goes wherever the name of one does: ``dl.convert(model, rule=rule)``.
"""

from deeplift_tf.rules.rules import RULES as RULES
from deeplift_tf.rules.rules import Rule as Rule
from deeplift_tf.rules.rules import Slopes as Slopes
