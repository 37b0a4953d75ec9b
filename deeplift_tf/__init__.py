"""DeepLIFT importance scores for Keras models.

``convert`` builds a `Network` from a saved or live model; ``network.compile()`` gives a scoring function. Names are
imported when they are first used, so that the command line answers ``--help`` without starting TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deeplift_tf import errors as errors
    from deeplift_tf import evaluate as evaluate
    from deeplift_tf import genomics as genomics
    from deeplift_tf import images as images
    from deeplift_tf import layers as layers
    from deeplift_tf import methods as methods
    from deeplift_tf import plots as plots
    from deeplift_tf import references as references
    from deeplift_tf import rules as rules
    from deeplift_tf import serving as serving
    from deeplift_tf.conversion import ConversionContext as ConversionContext
    from deeplift_tf.conversion import register as register
    from deeplift_tf.conversion import register_reader as register_reader
    from deeplift_tf.conversion.convert import convert as convert
    from deeplift_tf.errors import DeepLiftError as DeepLiftError
    from deeplift_tf.errors import DeepLiftWarning as DeepLiftWarning
    from deeplift_tf.evaluate.compare import Comparison as Comparison
    from deeplift_tf.evaluate.compare import compare as compare
    from deeplift_tf.network import Network as Network
    from deeplift_tf.network.ensembles import ensemble as ensemble
    from deeplift_tf.rules import secants as secants
    from deeplift_tf.scoring.score import Score as Score
    from deeplift_tf.scoring.scores import Scores as Scores

__version__ = "1.0.0"

_MODULES = {
    name: f"{__name__}.{name}"
    for name in (
        "errors",
        "evaluate",
        "genomics",
        "images",
        "layers",
        "methods",
        "plots",
        "references",
        "rules",
        "serving",
    )
} | {"secants": f"{__name__}.rules.secants"}
_NAMES = {
    "Comparison": "evaluate.compare",
    "DeepLiftError": "errors",
    "DeepLiftWarning": "errors",
    "Network": "network",
    "ConversionContext": "conversion",
    "Score": "scoring.score",
    "Scores": "scoring.scores",
    "compare": "evaluate.compare",
    "convert": "conversion",
    "ensemble": "network.ensembles",
    "register": "conversion",
    "register_reader": "conversion",
}
_RENAMED = {"Scope": f"{__name__}.conversion:ConversionContext", "slopes": f"{__name__}.rules.secants"}

__all__ = [*_NAMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _NAMES:
        return getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
    from deeplift_tf.deprecation import renamed

    return renamed(__name__, name, _RENAMED)


def __dir__() -> list[str]:
    return sorted(__all__)
