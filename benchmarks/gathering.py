"""What the processes found, gathered from a folder into one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TASKS = ("time", "memory", "growth", "floor", "spent")


def gather(folder: Path) -> dict[str, Any]:
    """Return what all jobs of a folder found, in one dict; see `Results`."""
    found: dict[str, Any] = {"facts": [], **{task: [] for task in TASKS}}
    for path in sorted((folder / "raw").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        facts, task = result.pop("facts", None), result.pop("task")
        if facts and facts not in found["facts"]:
            found["facts"].append(facts)
        found[task].append(_rounded(result))
    return found


def write(found: dict[str, Any], path: Path) -> None:
    """Write what was gathered as JSON, a job on each line."""
    parts = [f'"{task}": [\n' + ",\n".join(map(json.dumps, jobs)) + "\n]" for task, jobs in found.items()]
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Return the value with its floats to six digits, which is more than is measured."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value
