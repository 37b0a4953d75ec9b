"""References: what the scores measure differences from."""

from deeplift_tf.references.forms import References as References
from deeplift_tf.references.forms import as_references as as_references
