"""Counts of the structure of the package: files, lines, loose files, floors, circles, arrows.

python -m scripts.structure [ROOT]
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = "deeplift_tf"


def modules_of(root: Path) -> dict[str, Path]:
    """Return the modules of the package by their dotted names; ``conversion/`` is ``deeplift_tf.conversion``."""
    found = {}
    for folder, prefix in ((root / PACKAGE, PACKAGE), (root / "conversion", f"{PACKAGE}.conversion")):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            if folder.name == PACKAGE and parts[0] == "conversion":
                continue  # the link to the other folder
            found[".".join([prefix, *(part for part in parts if part != "__init__")])] = path
    return found


def imports_of(path: Path, modules: dict[str, Path]) -> set[str]:
    """Return the modules of the package that a file imports, inside of functions too, but not for typing alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in modules else node.module)
    return {name for name in found if name in modules}


def circles_of(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(arrows[name]):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            at = stack.index(name)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for name in sorted(arrows):
        if name not in order:
            visit(name)
    return found


def room_of(name: str) -> str:
    """Return the room of a module: the first folder below the package, two below ``conversion``, or the loose file."""
    parts = name.split(".")[1:]
    return ".".join(parts[:2] if parts[:1] == ["conversion"] and len(parts) > 2 else parts[:1])


def floors_of(arrows: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each module: above all that it imports; those of one circle share theirs."""
    members = {name: tuple(circle) for circle in circles_of(arrows) for name in circle}
    floors: dict[str, int] = {}

    def floor(name: str) -> int:
        if name not in floors:
            group = members.get(name, (name,))
            below = {other for each in group for other in arrows[each]} - set(group)
            height = 1 + max((floor(other) for other in below), default=-1)
            floors.update(dict.fromkeys(group, height))
        return floors[name]

    for name in arrows:
        floor(name)
    return floors


def main(root: Path) -> None:
    """Print the counts.

    Parameters
    ----------
    root : Path
        A checkout.
    """
    modules = modules_of(root)
    package = PACKAGE
    arrows = {name: imports_of(path, modules) - {name} for name, path in modules.items() if name != package}
    arrows = {name: found - {package} for name, found in arrows.items()}
    rooms: dict[str, set[str]] = {}
    for name, found in arrows.items():
        rooms.setdefault(room_of(name), set()).update(room_of(other) for other in found)
    rooms = {room: found - {room} for room, found in rooms.items()}
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in modules.values())
    loose = sorted(n.split(".")[1] for n, p in modules.items() if n.count(".") == 1 and p.name != "__init__.py")
    floors = floors_of(rooms)
    print(f"files {len(modules)}, lines {lines}")
    print(f"loose files {len(loose)}: {', '.join(loose)}")
    print(f"rooms {len(rooms)}, arrows between them {sum(map(len, rooms.values()))}")
    print(f"circles of modules {circles_of(arrows)}")
    print(f"circles of rooms {circles_of(rooms)}")
    print(f"floors of modules {1 + max(floors_of(arrows).values())}, of rooms {1 + max(floors.values())}")
    for height in range(1 + max(floors.values())):
        print(f"  {height}: {', '.join(sorted(room for room, at in floors.items() if at == height))}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
