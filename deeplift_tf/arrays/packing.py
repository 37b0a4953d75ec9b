"""Zip archives: which of their members are read piece by piece."""

from __future__ import annotations

import zipfile

IN_PIECES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways of packing that Python's zipfile undoes piece by piece. Of bzip2 and LZMA it unpacks at once whatever some bytes
of the archive stand for, which may be a million times as much."""
