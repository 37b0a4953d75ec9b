"""What registers itself when it is imported is imported: without it, operations would go along a path in silence."""

from __future__ import annotations

import re
from pathlib import Path

from deeplift_tf.conversion.tf_graph import families, frontend, inlining, op_context

HANDLES = re.compile(r"^@handles\(([^)]*)\)", re.MULTILINE)


def registered_in(folder: Path) -> dict[str, set[str]]:
    """Return the operations that each file registers handlers of."""
    found = {path.stem: HANDLES.findall(path.read_text("utf-8")) for path in folder.glob("*.py")}
    return {name: {*re.findall(r'"(\w+)"', " ".join(each))} for name, each in found.items() if each}


def test_every_handler_is_imported_with_the_frontend() -> None:
    written = registered_in(Path(str(inlining.__file__)).parent)
    assert set(written) == {each.__name__.rsplit(".", 1)[-1] for each in frontend.HANDLE_OPERATIONS}
    assert set().union(*written.values()) <= set(inlining.HANDLERS)
    assert {"Variable", "If", "While", "LookupTableFindV2"} <= set(inlining.HANDLERS)


def test_every_family_is_imported_with_the_lowering() -> None:
    files = {path.stem for path in Path(families.__path__[0]).glob("*.py")} - {"__init__"}
    assert files <= set(vars(families))
    assert {"MatMul", "Conv2D", "Relu", "Softmax", "Select"} <= set(op_context.TABLE)
