"""The import hook for deeplift scripts: after this import, ``import deeplift`` gives this package's interface.

    import deeplift_tf.compat.as_deeplift  # above the others, which stay as they are

Nothing else of this package does so; an installed deeplift is out of the script's reach, and untouched.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from deeplift_tf.compat import deeplift

if sys.modules.get("deeplift", deeplift) is not deeplift:
    raise ImportError("deeplift has been imported already: import deeplift_tf.compat.as_deeplift above it")
sys.modules["deeplift"] = deeplift
for _found in pkgutil.walk_packages(deeplift.__path__, f"{deeplift.__name__}."):
    sys.modules[_found.name.removeprefix("deeplift_tf.compat.")] = importlib.import_module(_found.name)
