"""A saved model, and how it is to be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from deeplift_tf.network import Network


class SavedModel(NamedTuple):
    """A saved model, and how it is to be read; can be pickled, so that another process reads the same.

    Attributes
    ----------
    path : Path
    weights : Path, optional
        For a model that is a JSON architecture.
    rule : str or dict of str to str
        See `dl.convert`.
    dtype : str
    unsafe : bool
        Run code that the file brings.
    exact_only : bool
        Refuse layers for which only an approximate rule exists.
    signature : str, optional
        Of a SavedModel folder.
    """

    path: Path
    weights: Path | None = None
    rule: str | dict[str, str] = "rescale"
    dtype: str = "float32"
    unsafe: bool = False
    exact_only: bool = False
    signature: str | None = None

    @property
    def source(self) -> Path | tuple[Path, Path]:
        """What `dl.convert` opens."""
        return self.path if self.weights is None else (self.path, self.weights)

    def convert(self) -> Network:
        """Read the model into a network."""
        from deeplift_tf.conversion import convert

        return convert(
            self.source,
            rule=self.rule,
            approximate=not self.exact_only,
            dtype=self.dtype,
            safe_mode=not self.unsafe,
            signature=self.signature,
        )
