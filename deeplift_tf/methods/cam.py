"""Class activation maps: Grad-CAM, its guided form, Grad-CAM++, and RSI-Grad-CAM, which follows the path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplift_tf.arrays.checks import at_least_one
from deeplift_tf.errors import InputError
from deeplift_tf.graph import propagation
from deeplift_tf.graph.graph import Edge, Graph, LayerUse, Node
from deeplift_tf.layers.convolution import Convolution
from deeplift_tf.methods.call import Call, Options
from deeplift_tf.methods.gradients import guided_backprop
from deeplift_tf.rules.tensors import merge_leading, shape_of
from deeplift_tf.scoring.attribution import Plan
from deeplift_tf.scoring.display import shapes_of
from deeplift_tf.scoring.sampled import Ends, Sampled, chunks, spread_out
from deeplift_tf.scoring.scores import Scores
from deeplift_tf.scoring.target_layer import resolve_target

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from deeplift_tf.network import Network


class ActivationMap(Sampled):
    """ReLU of the weighted sum of the channels of one layer; the weights are what methods differ in.

    Parameters
    ----------
    graph, plan
    channels_first : bool
        Whether the layer's values are (rows, channels, ...).
    """

    def __init__(self, graph: Graph, plan: Plan, channels_first: bool = False) -> None:
        super().__init__(graph, plan)
        self.channels_first, self.layer = channels_first, plan.scored[0]

    def channels_last(self, tensor: tf.Tensor, lead: int) -> tf.Tensor:
        """Return a tensor, shape (lead axes, ...), with its channels last."""
        return tf.experimental.numpy.moveaxis(tensor, lead, -1) if self.channels_first else tensor

    def over_positions(self, tensor: tf.Tensor) -> tf.Tensor:
        """Return the mean over positions of (K, n, R, ...), shape (K, n, R, channels)."""
        return tf.reduce_mean(self.channels_last(tensor, 3), list(range(3, tensor.shape.rank - 1)))

    def map_of(self, ends: Ends, weights: tf.Tensor) -> dict[str, Any]:
        """Return the map, summed over references, and the outputs.

        Parameters
        ----------
        ends : Ends
        weights : tf.Tensor, shape (K, n, R, channels)
        """
        activations = self.channels_last(ends.views[self.layer].x, 2)
        shape = [*shape_of(weights)[:3], *[1] * (activations.shape.rank - 3), shape_of(weights)[3]]
        heat = tf.nn.relu(tf.reduce_sum(tf.reshape(weights, shape) * activations, -1, keepdims=True))
        results = {"contributions": [tf.reduce_sum(heat, 2)], "multipliers": [tf.reduce_sum(weights, 2)]}
        return results | self._completeness(ends.weights, ends.views[self.plan.target], [heat])


class GradCam(ActivationMap):
    """Weights: gradients averaged over positions."""

    reads_references = False

    def run(self, x: Sequence[tf.Tensor], references: Sequence[tf.Tensor], weights: tf.Tensor) -> dict[str, Any]:
        """Return the results of a batch; see `compile_plan`."""
        ends = self.ends(x, references, weights)
        activations = ends.values[self.layer]
        at, lead = {self.layer: activations}, [1, shape_of(activations)[0], 1]
        (gradients,) = self.gradients_at(ends, [activations], lambda: self.outputs_at(ends, at, lead), lead)
        return self.map_of(ends, self.weights_of(ends, gradients[:, 0]))

    def weights_of(self, ends: Ends, gradients: tf.Tensor) -> tf.Tensor:
        """Return the channels' weights, shape (K, n, R, channels), from gradients, shape (K, n, R, ...)."""
        return self.over_positions(gradients)


class GradCamPlusPlus(GradCam):
    """Weights: the positive gradients, summed over positions with the coefficients of Grad-CAM++."""

    def weights_of(self, ends: Ends, gradients: tf.Tensor) -> tf.Tensor:
        """Return Σ_ij ReLU(g)/(2 + g·Σ_ab A_ab): the quotient g²/(2g² + g³ΣA) of the paper, without its 0/0."""
        slopes = self.channels_last(gradients, 3)
        activations = self.channels_last(ends.views[self.layer].x, 2)
        positions = range(2, activations.shape.rank - 1)
        sums = tf.reduce_sum(activations, list(positions), keepdims=True)[None]
        parts = tf.math.divide_no_nan(tf.nn.relu(slopes), 2 + slopes * sums)
        return tf.reduce_sum(parts, [axis + 1 for axis in positions])


class RsiGradCam(ActivationMap):
    """Weights: the Riemann–Stieltjes sum of gradients over the steps of the activations along the path."""

    def run(  # type: ignore[override]
        self, x: Sequence[tf.Tensor], references: Sequence[tf.Tensor], weights: tf.Tensor, alphas: tf.Tensor
    ) -> dict[str, Any]:
        """Return the results of a batch; see `compile_plan`.

        Parameters
        ----------
        x, references, weights
            See `compile_plan`.
        alphas : tf.Tensor, shape (pieces, P)
            Ends of the steps, the first of which begins at zero; P are looked at together.
        """
        ends = self.ends(x, references, weights)
        view = ends.views[self.layer]
        pairs = shape_of(self.inputs_delta(ends))[:2]
        lead = [shape_of(alphas)[1], *pairs]
        start = tf.broadcast_to(view.reference, [*pairs, *shape_of(view.x)[2:]])
        channels = shape_of(self.channels_last(view.x, 2))[-1]
        nothing = tf.zeros([len(self.plan.selectors), *pairs, channels], start.dtype)

        def body(piece: tf.Tensor, before: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, ...]:
            values = self.values_at(ends, alphas[piece], lead)
            watched = values[self.layer]
            (gradients,) = self.gradients_at(ends, [watched], lambda: self.outputs_at(ends, values, lead), lead)
            along = tf.reshape(watched, [*lead, *shape_of(watched)[1:]])
            steps = along - tf.concat([before[None], along[:-1]], 0)
            added = self.over_positions(tf.reduce_sum(gradients * steps, 1))
            last = tf.ensure_shape(along[-1], start.shape)
            return piece + 1, last, tf.ensure_shape(total + added, nothing.shape)

        pieces = shape_of(alphas)[0]
        loop = tf.while_loop(lambda piece, *_: piece < pieces, body, (tf.constant(0), start, nothing))
        return self.map_of(ends, loop[2])

    def values_at(self, ends: Ends, alphas: tf.Tensor, lead: Sequence[Any]) -> dict[Edge, tf.Tensor]:
        """Return the values of the layer, and of all that does not depend on it, where the inputs are on the path."""
        inputs = {edge: spread_out(v, lead) for edge, v in ends.values.items() if not v.dtype.is_floating}
        for edge in self.inputs:
            if edge not in inputs:
                view = ends.views[edge]
                alpha = tf.cast(tf.reshape(alphas, [-1, *[1] * view.delta.shape.rank]), view.delta.dtype)
                inputs[edge] = merge_leading(view.reference + alpha * view.delta, 3)
        below = self.graph.descendants([self.layer])
        return propagation.forward([node for node in self.nodes if node.name not in below], inputs)

    def inputs_delta(self, ends: Ends) -> tf.Tensor:
        """Return Δx of an input, whose first axes are those of examples and of references."""
        return next(ends.views[edge].delta for edge in self.inputs if ends.values[edge].dtype.is_floating)


def grad_cam(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    layer: str | None = None,
    upsample: bool = True,
    channels_first: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """Grad-CAM: the channels of a layer, weighted by their mean gradients (Selvaraju et al., ICCV 2017).

    Weights by the literature's equation α_k = (1/Z) Σ_ij ∂y/∂A^k_ij, the map is ReLU(Σ_k α_k A^k).

    Parameters
    ----------
    network : Network
    x, target
        As for `Score.__call__`.
    references
        Not read.
    layer : str, optional
        By default the last convolution before the target that has more than one position; `label` of the scores
        says which.
    upsample : bool
        Whether the map is interpolated linearly to the positions of the input.
    channels_first : bool
        Whether the layer's values are (rows, channels, ...).
    **options
        See `Options`; `layers` has no meaning here.

    Returns
    -------
    Scores
        `contributions`, shape (N, ..., 1), is the map; `multipliers`, shape (N, channels), are the weights. `label` is
        what is shown of them in place of "contributions".
    """
    return mapped_by(GradCam, "Grad-CAM", network, x, target, layer, upsample, channels_first, options)


def grad_cam_plus_plus(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    layer: str | None = None,
    upsample: bool = True,
    channels_first: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """Grad-CAM++: weights that count each place of an object (Chattopadhay et al., WACV 2018).

    w_k = Σ_ij α^k_ij ReLU(g^k_ij) with g = ∂y/∂A and α = g²/(2g² + Σ_ab A^k_ab·g³), the map is ReLU(Σ_k w_k A^k). The
    paper takes the class score to be exp(y); its factor exp(y), which only scales each row's map, is left out. Take
    `pre_activation=True` where the output is a softmax.

    Parameters are those of `grad_cam`, and so are the `Scores`.
    """
    return mapped_by(GradCamPlusPlus, "Grad-CAM++", network, x, target, layer, upsample, channels_first, options)


def guided_grad_cam(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    layer: str | None = None,
    channels_first: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """Guided Grad-CAM: guided backpropagation times the upsampled map of Grad-CAM (Selvaraju et al. 2017).

    Parameters are those of `grad_cam`; the network has one input, of floats.

    Returns
    -------
    Scores
        `contributions` and `multipliers`, shape of x, are the products.
    """
    heat = grad_cam(network, x, None, target, layer=layer, channels_first=channels_first, **options)
    guided = guided_backprop(network, x, None, target, **options)
    fine = guided.contributions
    if not isinstance(fine, np.ndarray) or fine.shape[:-1] != heat.contributions.shape[:-1]:
        raise InputError(
            "guided_grad_cam: expected a network of one input whose positions are those of the layer, upsampled; "
            f"received {shapes_of(fine)} and a map of shape {heat.contributions.shape}"
        )
    product = fine * heat.contributions
    label = heat.label.replace("Grad-CAM", "guided Grad-CAM", 1)
    return guided.replace(contributions=product, multipliers=product, delta=None, reference_outputs=None, label=label)


def rsi_grad_cam(
    network: Network,
    x: Any,
    references: Any = None,
    target: Any = 0,
    *,
    layer: str | None = None,
    steps: int = 50,
    upsample: bool = True,
    channels_first: bool = False,
    **options: Unpack[Options],
) -> Scores:
    """RSI-Grad-CAM: weights from a Riemann–Stieltjes sum along the path from the reference (Lucas et al. 2022).

    α_k = (1/Z) Σ_ij Σ_l ∂y/∂A^k_ij(x_l)·(A^k_ij(x_l) − A^k_ij(x_{l−1})) with x_l = x⁰ + (l/m)Δx, l = 1..m. The map of
    each reference is formed, then averaged.

    Parameters
    ----------
    network, x, references, target, layer, upsample, channels_first, **options
        As for `grad_cam`; references as for `Score.__call__`, None: zeros.
    steps : int
        m.

    Returns
    -------
    Scores
        As those of `grad_cam`.
    """
    alphas = np.arange(1, at_least_one("steps", steps) + 1) / steps
    extra = (tf.TensorSpec([None, None], tf.float64),)
    asked, label = checked(network, options, layer, "RSI-Grad-CAM")
    call = Call(network, x, references, target, asked, RsiGradCam, extra, False, (channels_first,))
    found = call.run(lambda part, size: (tf.constant(pieces_of(alphas, size)),))
    return as_map(call, found, upsample, label)


def mapped_by(
    kind: type[GradCam],
    name: str,
    network: Network,
    x: Any,
    target: Any,
    layer: str | None,
    upsample: bool,
    channels_first: bool,
    options: Options,
) -> Scores:
    """Return the map of a kind that reads x alone."""
    asked, label = checked(network, options, layer, name)
    call = Call(network, x, 0.0, target, asked, kind, (), False, (channels_first,))
    return as_map(call, call.run(lambda part, size: ()), upsample, label)


def pieces_of(alphas: np.ndarray, size: int) -> np.ndarray:
    """Cut the path into pieces; at its end x stands still, which adds nothing to the sum."""
    return chunks(alphas, min(size, len(alphas)), 1.0)


def checked(network: Network, options: Options, layer: str | None, name: str) -> tuple[Options, str]:
    """Return the options with the layer among them, and what the map is called.

    Raises
    ------
    InputError
        If they ask for what a map does not have.
    """
    if options.get("layers") is not None:
        raise InputError("grad_cam: expected one layer, layer=..., in place of layers=...")
    if options.get("hypothetical"):
        raise InputError(
            "grad_cam: has no hypothetical contributions, which files of DNA, or hypothetical=True, ask for"
        )
    if layer is not None:
        return {**options, "layers": layer}, f"{name} of {layer}"
    target = resolve_target(network.graph, options.get("output"), options.get("pre_activation", False)).edge
    last = last_convolution(network.graph, target)
    return {**options, "layers": last}, f"{name} of {last}, the last convolution"


def last_convolution(graph: Graph, target: Edge) -> str:
    """Return the name of the last convolution before a value, its activation included where it is part of the layer.

    Convolutions with one position, as classifiers have them behind their pooling, have no map, and the one that makes
    the value itself, as in segmentation, would be explained by itself.

    Raises
    ------
    InputError
        When there is none.
    """
    nodes = graph.ancestors([target])
    own = [origin_of(node) for node in nodes if node.name == target.node]
    before = [node for node in nodes if origin_of(node) not in own]
    found = [node for node in before if isinstance(node.layer, Convolution) and has_positions(node)]
    if not found:
        raise InputError(
            "grad_cam: expected a convolution with more than one position before the target, and found none; name a "
            "layer whose values are (rows, positions, channels), layer=..."
        )
    same = [node for node in before if origin_of(node) == origin_of(found[-1])]
    return [node.name for node in same if has_positions(node)][-1]


def origin_of(node: Node) -> tuple[str, tuple[LayerUse, ...]]:
    """Return which use of which of the model's layers a node comes from."""
    return node.owner, node.uses


def has_positions(node: Node) -> bool:
    """Whether a value has axes of positions, with more than one in all, or of open size."""
    shape = node.shapes[0]
    return shape.rank is not None and shape.rank > 2 and any(size != 1 for size in shape[1:-1])


def as_map(call: Call, found: dict[str, Any], upsample: bool, label: str) -> Scores:
    """Return the results as scores, the map at the positions of the first input that has as many axes."""
    (heat,), (weights,) = found["contributions"], found["multipliers"]
    spatial = heat.ndim - 2 - call.question.several_targets
    fitting = [part.shape[1:-1] for part in call.question.x.arrays if part.ndim == spatial + 2]
    if upsample and spatial and fitting:
        for axis, size in enumerate(fitting[0], start=heat.ndim - 1 - spatial):
            heat = np.moveaxis(np.tensordot(heat, linear_matrix(heat.shape[axis], size), (axis, 1)), -1, axis)
    return Scores(
        heat, weights, found["outputs"], None, None, None, *call.asked, label=label, classes=call.classes(found)
    )


def linear_matrix(source: int, size: int) -> np.ndarray:
    """Return the weights of linear interpolation from one number of pixels to another, shape (size, source)."""
    centres = np.clip((np.arange(size) + 0.5) * source / size - 0.5, 0, source - 1)
    return np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(source))).astype(np.float32)
