"""Conversion of a saved Keras model into a model with deeplift's interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deeplift_tf.compat.deeplift.layers import (
    ConvMxtsMode,
    DenseMxtsMode,
    MaxPoolDeepLiftMode,
    NonlinearMxtsMode,
    rule_of,
)
from deeplift_tf.compat.deeplift.models import GraphModel, SequentialModel, is_chain
from deeplift_tf.errors import UnsupportedLayerError


def convert_model_from_saved_files(
    h5_file: Any,
    json_file: Any = None,
    yaml_file: Any = None,
    nonlinear_mxts_mode: str = NonlinearMxtsMode.DeepLIFT_GenomicsDefault,
    verbose: bool = True,
    dense_mxts_mode: str = DenseMxtsMode.Linear,
    conv_mxts_mode: str = ConvMxtsMode.Linear,
    maxpool_deeplift_mode: str = MaxPoolDeepLiftMode.gradient,
    layer_overrides: Mapping[Any, Mapping[str, Any]] | None = None,
    custom_conversion_funcs: Mapping[str, Any] | None = None,
) -> Any:  # which of the two is known by the file alone, and scripts call the methods of one
    """Open a saved model, as `deeplift_tf.convert` does.

    Parameters
    ----------
    h5_file : path
        The model, or its weights where json_file is given.
    json_file : path, optional
    nonlinear_mxts_mode : str
        A `NonlinearMxtsMode`.
    layer_overrides : mapping, optional
        From a layer's name, or index in a Sequential model, to its own ``{"nonlinear_mxts_mode": ...}``.
    yaml_file, custom_conversion_funcs
        Refused when given: Keras reads YAML no more; `deeplift_tf.register` is for layers of one's own.
    verbose, dense_mxts_mode, conv_mxts_mode, maxpool_deeplift_mode
        Without effect.

    Returns
    -------
    SequentialModel for a chain of layers, else GraphModel

    Raises
    ------
    ModelFileError, UnsupportedLayerError, RuleError
    """
    from deeplift_tf.conversion.convert import convert

    if yaml_file is not None or custom_conversion_funcs:
        raise UnsupportedLayerError(
            "yaml_file and custom_conversion_funcs are not taken: save the model as JSON or whole, and register layers "
            "of your own with deeplift_tf.register"
        )
    default = rule_of(nonlinear_mxts_mode)
    network = convert(h5_file if json_file is None else (json_file, h5_file), rule=default)
    model: SequentialModel | GraphModel = SequentialModel(network) if is_chain(network) else GraphModel(network)
    if layer_overrides:
        rules = {model.node_name(key): rule_of(each["nonlinear_mxts_mode"]) for key, each in layer_overrides.items()}
        model = type(model)(network.with_rule({**rules, "default": default}))
    return model
