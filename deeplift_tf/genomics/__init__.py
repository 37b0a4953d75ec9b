"""DNA: sequences and regions in, scores in the formats of the field out. Reading FASTA needs the extra ``genomics``.

Names are imported when they are first used: files of regions and variants are looked at before TensorFlow starts.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deeplift_tf.genomics.allele_windows import VariantRows as VariantRows
    from deeplift_tf.genomics.allele_windows import variant_rows as variant_rows
    from deeplift_tf.genomics.controls import open_controls as open_controls
    from deeplift_tf.genomics.fasta import Fasta as Fasta
    from deeplift_tf.genomics.fasta import open_fasta as open_fasta
    from deeplift_tf.genomics.formats.bigwig import write_bigwig as write_bigwig
    from deeplift_tf.genomics.formats.bpnet import write_bpnet as write_bpnet
    from deeplift_tf.genomics.formats.chrombpnet import write_chrombpnet as write_chrombpnet
    from deeplift_tf.genomics.formats.modisco import write_modisco as write_modisco
    from deeplift_tf.genomics.formats.scored import ScoredSequences as ScoredSequences
    from deeplift_tf.genomics.formats.table import register_format as register_format
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
    from deeplift_tf.genomics.variants import Variant as Variant
    from deeplift_tf.genomics.variants import read_variants as read_variants
    from deeplift_tf.sequences.alphabet import Alphabet as Alphabet

_NAMES = {
    "Alphabet": "deeplift_tf.sequences.alphabet",
    "Fasta": "deeplift_tf.genomics.fasta",
    "Region": "deeplift_tf.genomics.regions",
    "ScoredSequences": "deeplift_tf.genomics.formats.scored",
    "Selection": "deeplift_tf.genomics.selection",
    "SequenceRows": "deeplift_tf.genomics.rows",
    "Variant": "deeplift_tf.genomics.variants",
    "VariantRows": "deeplift_tf.genomics.allele_windows",
    "both_strands": "deeplift_tf.genomics.strands",
    "counts": "deeplift_tf.genomics.targets",
    "letters_of": "deeplift_tf.genomics.sequences",
    "one_hot": "deeplift_tf.genomics.sequences",
    "open_controls": "deeplift_tf.genomics.controls",
    "open_fasta": "deeplift_tf.genomics.fasta",
    "profile": "deeplift_tf.genomics.targets",
    "read_regions": "deeplift_tf.genomics.regions",
    "read_variants": "deeplift_tf.genomics.variants",
    "register_format": "deeplift_tf.genomics.formats.table",
    "region_rows": "deeplift_tf.genomics.rows",
    "sequence_rows": "deeplift_tf.genomics.rows",
    "variant_rows": "deeplift_tf.genomics.allele_windows",
    "within": "deeplift_tf.genomics.regions",
    "write_bigwig": "deeplift_tf.genomics.formats.bigwig",
    "write_bpnet": "deeplift_tf.genomics.formats.bpnet",
    "write_chrombpnet": "deeplift_tf.genomics.formats.chrombpnet",
    "write_modisco": "deeplift_tf.genomics.formats.modisco",
    "write_regions": "deeplift_tf.genomics.regions",
}

__all__ = [*_NAMES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
