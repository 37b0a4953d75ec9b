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
    from deeplift_tf import slopes as slopes
    from deeplift_tf.comparison import Comparison as Comparison
    from deeplift_tf.comparison import compare as compare
    from deeplift_tf.conversion import Scope as Scope
    from deeplift_tf.conversion import register as register
    from deeplift_tf.conversion.convert import convert as convert
    from deeplift_tf.errors import DeepLiftError as DeepLiftError
    from deeplift_tf.errors import DeepLiftWarning as DeepLiftWarning
    from deeplift_tf.network import Network as Network
    from deeplift_tf.scoring import Score as Score
    from deeplift_tf.scoring import Scores as Scores

__version__ = "0.1.0"

_MODULES = ("errors", "evaluate", "genomics", "images", "layers", "methods", "plots", "references", "slopes")
_NAMES = {
    "Comparison": "comparison",
    "DeepLiftError": "errors",
    "DeepLiftWarning": "errors",
    "Network": "network",
    "Scope": "conversion",
    "Score": "scoring",
    "Scores": "scoring",
    "compare": "comparison",
    "convert": "conversion",
    "register": "conversion",
}

__all__ = [*_NAMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
