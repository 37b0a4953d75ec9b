"""References: the inputs that differences are measured from.

Some are arrays, made once for all rows; most are makers, functions of rows of x that a scoring function calls batch by
batch; `uniform_output` searches for one with the network's help. `REFERENCES` holds all of them by the names that the
command line knows.
"""

from deeplift_tf.deprecation import renamed as _renamed
from deeplift_tf.references.image import blurred as blurred
from deeplift_tf.references.sequence import dinucleotide_shuffle as dinucleotide_shuffle
from deeplift_tf.references.sequence import gc_content as gc_content
from deeplift_tf.references.sequence import shuffle as shuffle
from deeplift_tf.references.sequence import uniform_frequencies as uniform_frequencies
from deeplift_tf.references.simple import another_example as another_example
from deeplift_tf.references.simple import background_sample as background_sample
from deeplift_tf.references.simple import channel_mean as channel_mean
from deeplift_tf.references.simple import constant as constant
from deeplift_tf.references.simple import mean as mean
from deeplift_tf.references.simple import zeros as zeros
from deeplift_tf.references.table import REFERENCES as REFERENCES
from deeplift_tf.references.uniform_output import UniformOutput as UniformOutput
from deeplift_tf.references.uniform_output import uniform_output as uniform_output
from deeplift_tf.scoring.reference_sampler import ReferenceSampler as ReferenceSampler
from deeplift_tf.scoring.references import References as References
from deeplift_tf.scoring.references import normalize_references as normalize_references

_RENAMED = {
    "Maker": "deeplift_tf.scoring.reference_sampler:ReferenceSampler",
    "as_references": "deeplift_tf.scoring.references:normalize_references",
}


def __getattr__(name: str) -> object:
    return _renamed(__name__, name, _RENAMED)
