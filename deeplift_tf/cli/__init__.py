"""The command line ``deeplift-tf``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from deeplift_tf.platform.streams import show_all

NEEDED = ("click",)


def main() -> None:
    """Run the command line; says how to install what it needs where that is missing, which `doctor` can do without."""
    show_all((sys.stdout, sys.stderr))
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing and sys.argv[1:2] == ["doctor"]:
        from deeplift_tf.cli.diagnosis import run

        sys.exit(run(as_json="--json" in sys.argv))
    if missing:
        print(f"error: {' and '.join(missing)} not installed; run: pip install 'deeplift-tf[cli]'", file=sys.stderr)
        sys.exit(2)
    from deeplift_tf.cli.commands import commands

    commands()
