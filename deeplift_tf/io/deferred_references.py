"""References by name: "blurred:3", "mean:train.npy", "uniform-output:steps=300"."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplift_tf.argspec import File, arguments_in, meant, name_in, spellable, usage
from deeplift_tf.arrays.rows import RowArray
from deeplift_tf.errors import InputError, ReferencesError
from deeplift_tf.images import image_rows, is_images
from deeplift_tf.io.inputs import Rows, open_arrays, select

if TYPE_CHECKING:
    from deeplift_tf.network import Network
    from deeplift_tf.references import ReferenceSampler


class OpenedFile(NamedTuple):
    """A file that references are made from.

    Attributes
    ----------
    path : Path
    arrays : mapping of str to RowArray, or None
        None for pictures.
    rows : bool
        Whether it is a data set of rows like those that are scored, rather than one array.
    """

    path: Path
    arrays: Mapping[str, RowArray] | None
    rows: bool

    def of(self, name: str, network: Network, preprocess: str | None) -> Any:
        """Return what the file holds for an input of a network."""
        shape = network.input_shapes[name]
        if self.arrays is None:
            return image_rows(self.path, shape, preprocess)
        array = select(self.arrays, network.input_names if self.rows else [name], self.path)[name]
        if not self.rows:
            return np.asarray(array[:])
        Rows(self.path, {name: array}).check_shapes({name: shape})
        return array


class DeferredReferences(NamedTuple):
    """References that are made once the network is there.

    Attributes
    ----------
    make : callable
        Of `deeplift_tf.references.REFERENCES`.
    arguments : mapping
        Its arguments, files opened.
    """

    make: Callable[..., Any]
    arguments: Mapping[str, Any]

    def made(self, network: Network, preprocess: str | None = None) -> ReferenceSampler | dict[str, RowArray]:
        """Return what makes the references, or an array for each input.

        Parameters
        ----------
        network : Network
        preprocess : str, optional
            What pictures go through before the model.

        Raises
        ------
        ReferencesError
            If a file, or the kind of references, does not fit the inputs.
        """
        from deeplift_tf.references import ReferenceSampler, UniformOutput

        found: dict[str, RowArray] = {}
        for name in network.input_names:
            value = self.make(**self.arguments_for(name, network, preprocess))
            if isinstance(value, ReferenceSampler):  # drawn for each input on its own
                if len(network.input_names) > 1:
                    raise ReferencesError(
                        f"references: {value}: expected a model of one input; has {network.input_names}"
                    )
                return value
            found[name] = value.reference if isinstance(value, UniformOutput) else value
        return found

    def arguments_for(self, name: str, network: Network, preprocess: str | None) -> dict[str, Any]:
        """Return the arguments for one input, with files read."""
        arguments = {
            key: each.of(name, network, preprocess) if isinstance(each, OpenedFile) else each
            for key, each in self.arguments.items()
        }
        if "examples" in arguments:  # a maker keeps them, also in other processes, in which this file is not open
            arguments["examples"] = np.asarray(arguments["examples"][:])
        if "network" in inspect.signature(self.make).parameters:
            return arguments | {"network": network, "progress": sys.stderr.isatty()}
        return arguments


def as_they_are(data: RowArray) -> RowArray:
    """Return the rows of a file."""
    return data


def named_references(
    given: str, seed: int, stack: ExitStack, letters_axis: int = -1
) -> ReferenceSampler | DeferredReferences | None:
    """Return the maker of a name.

    Parameters
    ----------
    given : str
        A name of `deeplift_tf.references.REFERENCES`, with - or _ between words, alone or followed by a colon and its
        arguments, see `argspec`. Arrays are files.
    seed : int
        For those that draw random numbers.
    stack : ExitStack
        Closes the files.
    letters_axis : int
        For those made of one-hot sequences.

    Returns
    -------
    ReferenceSampler, DeferredReferences, or None if it is not such a name

    Raises
    ------
    ReferencesError
        If an argument is missing, unknown or of another kind, or a file cannot be opened.
    """
    from deeplift_tf.references import REFERENCES

    make = REFERENCES.get(name_in(given))
    if make is None:
        return None
    parameters = inspect.signature(make).parameters
    arguments = arguments_in(given, spellable(parameters.values()), "references", ReferencesError)
    if "seed" in parameters:
        arguments.setdefault("seed", seed)
    if "letters_axis" in parameters:
        arguments.setdefault("letters_axis", letters_axis)
    if "network" not in parameters and not any(isinstance(each, File) for each in arguments.values()):
        return make(**arguments)
    return DeferredReferences(make, {key: opened(each, stack) for key, each in arguments.items()})


def opened(argument: Any, stack: ExitStack) -> Any:
    """Open a file; any other argument is returned unchanged."""
    if not isinstance(argument, File):
        return argument
    if argument.rows and is_images(argument.path):
        return OpenedFile(argument.path, None, True)
    try:
        return OpenedFile(argument.path, stack.enter_context(open_arrays(argument.path)), argument.rows)
    except InputError as error:
        raise ReferencesError(f"references: {error}") from error


def refusal(given: str, error: InputError) -> ReferencesError:
    """Return the error for what is neither a number, a name nor a file: the names with their arguments."""
    from deeplift_tf.references import REFERENCES

    made = {name: spellable(inspect.signature(make).parameters.values()) for name, make in REFERENCES.items()}
    names = ", ".join(usage(name, parameters) for name, parameters in made.items())
    return ReferencesError(
        f"references: expected 'zeros', a finite number or a file of arrays, or a name: {names}; {error}"
        f"{meant(given, REFERENCES)}"
    )
