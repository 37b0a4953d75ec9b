"""DNA: sequences and regions in, scores in the formats of the field out. Reading FASTA needs the extra ``genomics``."""

from deeplift_tf.genomics.bigwig import write_bigwig as write_bigwig
from deeplift_tf.genomics.controls import open_controls as open_controls
from deeplift_tf.genomics.effects import effects as effects
from deeplift_tf.genomics.fasta import Fasta as Fasta
from deeplift_tf.genomics.fasta import open_fasta as open_fasta
from deeplift_tf.genomics.formats import write_bpnet as write_bpnet
from deeplift_tf.genomics.formats import write_chrombpnet as write_chrombpnet
from deeplift_tf.genomics.formats import write_modisco as write_modisco
from deeplift_tf.genomics.regions import Region as Region
from deeplift_tf.genomics.regions import read_regions as read_regions
from deeplift_tf.genomics.regions import within as within
from deeplift_tf.genomics.regions import write_regions as write_regions
from deeplift_tf.genomics.rows import SequenceRows as SequenceRows
from deeplift_tf.genomics.rows import region_rows as region_rows
from deeplift_tf.genomics.rows import sequence_rows as sequence_rows
from deeplift_tf.genomics.selection import Selection as Selection
from deeplift_tf.genomics.sequences import letters_of as letters_of
from deeplift_tf.genomics.sequences import one_hot as one_hot
from deeplift_tf.genomics.strands import both_strands as both_strands
from deeplift_tf.genomics.targets import counts as counts
from deeplift_tf.genomics.targets import profile as profile
from deeplift_tf.genomics.variant_rows import VariantRows as VariantRows
from deeplift_tf.genomics.variant_rows import variant_rows as variant_rows
from deeplift_tf.genomics.variants import Variant as Variant
from deeplift_tf.genomics.variants import read_variants as read_variants
from deeplift_tf.sequences.alphabet import Alphabet as Alphabet
