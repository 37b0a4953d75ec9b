"""Model sources: a saved model, or several as one, with the options for reading them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deeplift_tf.runs.own_code import absolute, own_objects

if TYPE_CHECKING:
    from deeplift_tf.network import Network


class ModelSource(NamedTuple):
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
    custom_objects : tuple of str
        Python files and modules with code that the model needs; see `runs.own_code`.
    folds : tuple of Path
        Further models, read in the same way: the network is the mean of all, see `dl.ensemble`.
    """

    path: Path
    weights: Path | None = None
    rule: str | dict[str, str] = "rescale"
    dtype: str = "float32"
    unsafe: bool = False
    exact_only: bool = False
    signature: str | None = None
    custom_objects: tuple[str, ...] = ()
    folds: tuple[Path, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where all that is read lies."""
        weights = () if self.weights is None else (self.weights,)
        return (self.path, *weights, *self.folds)

    @property
    def source(self) -> Path | tuple[Path, Path]:
        """What `dl.convert` opens."""
        return self.path if self.weights is None else (self.path, self.weights)

    @property
    def own_objects(self) -> dict[str, Any]:
        """Classes and functions of the user's own, by name; imports the modules that define them."""
        return own_objects(self.custom_objects)

    def elsewhere(self) -> ModelSource:
        """Return the same for another working directory."""
        weights = None if self.weights is None else self.weights.resolve()
        own = tuple(map(absolute, self.custom_objects))
        folds = tuple(path.resolve() for path in self.folds)
        return self._replace(path=self.path.resolve(), weights=weights, custom_objects=own, folds=folds)

    def convert(self) -> Network:
        """Read the model into a network, several into one."""
        if not self.folds:
            return self._read(self.source)
        from deeplift_tf.network.ensembles import ensemble

        return ensemble([self._read(source) for source in (self.source, *self.folds)])

    def _read(self, source: Path | tuple[Path, Path]) -> Network:
        from deeplift_tf.conversion import convert

        return convert(
            source,
            rule=self.rule,
            exact_only=self.exact_only,
            dtype=self.dtype,
            safe_mode=not self.unsafe,
            signature=self.signature,
            custom_objects=self.own_objects,
        )
