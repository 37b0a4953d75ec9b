"""Pictures of the examples, for their pages and for README.md: `python -m docs.pictures [NAME ...]` makes them anew.

They are files of the repository, with few colours, so that README has one and the site needs no minutes of training.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
COLOURS, WIDEST = 256, 1000


def make(script: Path) -> list[Path]:
    """Run an example in a folder of its own, and keep the pictures that it leaves, small."""
    from PIL import Image

    PICTURES.mkdir(exist_ok=True)
    made = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, script, folder], cwd=folder, check=True)
        for picture in sorted(Path(folder).rglob("*.png")):
            image = Image.open(picture).convert("RGB")
            if image.width > WIDEST:
                image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
            made.append(PICTURES / f"{script.stem}-{picture.stem}.png")
            image.quantize(COLOURS).save(made[-1], optimize=True)
    return made


def main() -> None:
    """Make the pictures of the examples that are named, or of all."""
    for script in sorted((ROOT / "examples").glob("*.py")):
        if not sys.argv[1:] or script.stem in sys.argv[1:]:
            for path in make(script):
                print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
