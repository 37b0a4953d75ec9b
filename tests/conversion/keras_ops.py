"""Every public function of keras.ops as a functional model, and what a conversion makes of it.

Each row of `TABLE` is a function of two tensors of floats, shape (rows, 5, 4), and the state that it is in:

- "exact": converted, with predictions of Keras and a delta that is rounding;
- "approximate": followed along a path, and said so;
- "mixes rows": refused by name, since what it makes of a row depends on others;
- "refused": by name, with the reason: complex numbers have no multipliers, and some code of Keras runs on tensors
  with values alone.

`OTHERS` are the functions that take no tensor of floats, or that Keras itself does not run on symbols.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

EXACT, APPROXIMATE, MIXES, REFUSED = "exact", "approximate", "mixes rows", "refused"

rng = np.random.default_rng(8)
A = rng.normal(size=(4, 3)).astype("float32")
B = rng.normal(size=(5, 4)).astype("float32")
V = rng.normal(size=4).astype("float32")
KERNEL = rng.normal(size=(3, 4, 2)).astype("float32")
BY_CHANNEL = rng.normal(size=(3, 4, 1)).astype("float32")
POINTWISE = rng.normal(size=(1, 4, 2)).astype("float32")
PLACES = np.array([[[2, 0, 1, 3]]])
LABELS = np.array([1, 0, 1])


class Row(NamedTuple):
    build: Callable[[Any, Any], Any]
    state: str = EXACT


def positive(x: Any) -> Any:
    return ops.softplus(x) + 0.1


def inside(x: Any) -> Any:
    return ops.tanh(x) * 0.9


def square(x: Any) -> Any:
    """Matrices that can be inverted."""
    return ops.matmul(ops.transpose(x, (0, 2, 1)), x) + 3 * np.eye(4, dtype="float32")


def image(x: Any) -> Any:
    return ops.reshape(x, (-1, 5, 2, 2))


def complex_of(x: Any, y: Any) -> Any:
    return ops.view_as_complex(ops.stack([x, y], -1))


def unary(name: str, of: Callable[[Any], Any] = lambda x: x, **settings: Any) -> Callable[[Any, Any], Any]:
    return lambda x, y: getattr(ops, name)(of(x), **settings)


def binary(name: str, first: Any = lambda x: x, second: Any = lambda y: y) -> Callable[[Any, Any], Any]:
    return lambda x, y: getattr(ops, name)(first(x), second(y))


def whole(x: Any) -> Any:
    """Integers made of floats."""
    return ops.cast(ops.floor(x * 3), "int32")


ALONE = """
    abs absolute ceil celu copy cos cosh deg2rad elu erf erfc exp exp2 expm1 fabs floor gelu hard_shrink hard_sigmoid
    hard_silu hard_swish hard_tanh i0 isfinite isinf isnan isneginf isposinf isreal leaky_relu log_sigmoid
    logical_not nan_to_num negative rad2deg real relu relu6 round selu sigmoid sign signbit silu sin sinc sinh
    soft_shrink softmax softplus softsign log_softmax sparse_plus sparse_sigmoid square squareplus stop_gradient swish
    tan tanh tanh_shrink tril triu trunc zeros_like ones_like conj conjugate imag angle cbrt normalize
    full_like convert_to_tensor
"""
NEEDS_POSITIVE = "log log10 log1p log2 reciprocal rsqrt sqrt"
NEEDS_INSIDE = "arccos arcsin arctanh erfinv"
PAIRS = """
    add arctan2 equal fmax fmin greater greater_equal heaviside hypot isclose less less_equal logaddexp logaddexp2
    logical_and logical_or logical_xor maximum minimum multiply not_equal subtract
"""
TABLE: dict[str, Row] = {name: Row(unary(name)) for name in ALONE.split()}
TABLE["nextafter"] = Row(binary("nextafter"), APPROXIMATE)
TABLE["full_like"] = Row(unary("full_like", fill_value=2.0))
TABLE |= {name: Row(unary(name, positive)) for name in NEEDS_POSITIVE.split()}
TABLE["arccosh"] = Row(unary("arccosh", lambda x: positive(x) + 1))
TABLE |= {name: Row(unary(name, inside)) for name in NEEDS_INSIDE.split()}
TABLE |= {name: Row(unary(name)) for name in ("arcsinh", "arctan")}
TABLE |= {name: Row(binary(name)) for name in PAIRS.split()}
DIVIDED = "divide true_divide divide_no_nan floor_divide mod fmod"
OF_INTEGERS = "bitwise_and bitwise_or bitwise_xor"
BY_EAGER_TENSORS = "gcd lcm"
SHIFTED = "bitwise_left_shift bitwise_right_shift left_shift right_shift"
REDUCED = "all amax amin any argmax argmin average count_nonzero max mean median min prod std sum var"
ALONG_THE_LAST = "nanargmax nanargmin nanmax nanmean nanmin nanprod nanstd nansum nanvar ptp logsumexp"
KEEPING_AN_AXIS = "cumprod cumsum nancumprod nancumsum diff sort argsort flip"
TABLE |= {name: Row(binary(name, second=positive)) for name in DIVIDED.split()}
TABLE |= {name: Row(binary(name, whole, whole)) for name in OF_INTEGERS.split()}
TABLE |= {name: Row(binary(name, whole, whole), REFUSED) for name in BY_EAGER_TENSORS.split()}
TABLE |= {name: Row(binary(name, whole, lambda y: 2)) for name in SHIFTED.split()}
TABLE |= {name: Row(unary(name, whole)) for name in ("bitwise_invert", "bitwise_not")}
TABLE |= {name: Row(unary(name, axis=1)) for name in REDUCED.split()}
TABLE |= {f"{name}, of rows": Row(unary(name, axis=0), MIXES) for name in REDUCED.split()}
TABLE |= {name: Row(unary(name, axis=-1)) for name in ALONG_THE_LAST.split()}
TABLE |= {name: Row(unary(name, axis=1)) for name in KEEPING_AN_AXIS.split()}
TABLE |= {
    "percentile": Row(unary("percentile", axis=1, q=40)),
    "quantile": Row(unary("quantile", axis=1, q=0.4)),
    "nanmedian": Row(unary("nanmedian", axis=1), REFUSED),
    "nanpercentile": Row(unary("nanpercentile", axis=1, q=40), REFUSED),
    "nanquantile": Row(unary("nanquantile", axis=1, q=0.4), REFUSED),
}
TABLE |= {
    "append": Row(lambda x, y: ops.append(x, y, axis=1)),
    "array": Row(lambda x, y: ops.array(x) + 1),
    "array_split": Row(lambda x, y: ops.array_split(x, 2, axis=1)),
    "associative_scan": Row(lambda x, y: ops.associative_scan(ops.add, x, axis=1)),
    "average_pool": Row(lambda x, y: ops.average_pool(x, 2, 1)),
    "batch_normalization": Row(lambda x, y: ops.batch_normalization(x, V, V**2 + 0.1, -1)),
    "binary_crossentropy": Row(lambda x, y: ops.binary_crossentropy(ops.sigmoid(x), ops.sigmoid(y))),
    "cast": Row(lambda x, y: ops.cast(x, "float32") * 2),
    "categorical_crossentropy": Row(lambda x, y: ops.categorical_crossentropy(ops.softmax(x), ops.softmax(y))),
    "cdist": Row(lambda x, y: ops.cdist(x, y)),
    "cholesky": Row(unary("cholesky", square), APPROXIMATE),
    "cholesky_inverse": Row(unary("cholesky_inverse", lambda x: ops.cholesky(square(x))), APPROXIMATE),
    "clip": Row(lambda x, y: ops.clip(x, -0.5, 0.7)),
    "concatenate": Row(lambda x, y: ops.concatenate([x, y], 1)),
    "concatenate, of rows": Row(lambda x, y: ops.concatenate([x, y], 0), MIXES),
    "cond": Row(lambda x, y: ops.cond(ops.convert_to_tensor(True), lambda: x, lambda: y)),
    "conv": Row(lambda x, y: ops.conv(x, KERNEL, padding="same")),
    "corrcoef": Row(lambda x, y: ops.corrcoef(ops.reshape(x, (-1, 20))), REFUSED),
    "cross": Row(lambda x, y: ops.cross(x[:, :, :3], y[:, :, :3])),
    "depth_to_space": Row(lambda x, y: ops.depth_to_space(ops.reshape(x, (-1, 1, 5, 4)), 2)),
    "space_to_depth": Row(lambda x, y: ops.space_to_depth(ops.reshape(x, (-1, 10, 2, 1)), 2)),
    "depthwise_conv": Row(lambda x, y: ops.depthwise_conv(x, BY_CHANNEL)),
    "separable_conv": Row(lambda x, y: ops.separable_conv(x, BY_CHANNEL, POINTWISE)),
    "det": Row(unary("det", square), APPROXIMATE),
    "diag": Row(lambda x, y: ops.diag(ops.reshape(x, (-1, 20))), MIXES),
    "diagflat": Row(lambda x, y: ops.diagflat(x), MIXES),
    "diagonal": Row(lambda x, y: ops.diagonal(x, axis1=1, axis2=2)),
    "digitize": Row(lambda x, y: ops.digitize(x, np.array([-0.5, 0.2, 0.9], "float32")), REFUSED),
    "dot": Row(lambda x, y: ops.dot(x, A)),
    "dot_product_attention": Row(lambda x, y: ops.dot_product_attention(x[:, :, None], y[:, :, None], x[:, :, None])),
    "dsplit": Row(lambda x, y: ops.dsplit(x, 2)),
    "dstack": Row(lambda x, y: ops.dstack([x, y])),
    "eig": Row(unary("eig", square), REFUSED),
    "eigh": Row(lambda x, y: ops.eigh(square(x))[0], APPROXIMATE),
    "einsum": Row(lambda x, y: ops.einsum("bij,bkj->bik", x, y)),
    "einsum, constant": Row(lambda x, y: ops.einsum("bij,jk->bik", x, A)),
    "einsum, of rows": Row(lambda x, y: ops.einsum("bij,cij->bc", x, y), MIXES),
    "expand_dims": Row(lambda x, y: ops.expand_dims(x, 1)),
    "extract_sequences": Row(lambda x, y: ops.extract_sequences(ops.reshape(x, (-1, 20)), 4, 2)),
    "fft": Row(lambda x, y: ops.fft((x, y))),
    "fft2": Row(lambda x, y: ops.fft2((x, y))),
    "ifft2": Row(lambda x, y: ops.ifft2((x, y))),
    "irfft": Row(lambda x, y: ops.irfft((x, y))),
    "rfft": Row(lambda x, y: ops.rfft(x)),
    "stft": Row(lambda x, y: ops.stft(ops.reshape(x, (-1, 20)), 8, 4, 8)),
    "istft": Row(lambda x, y: ops.istft(ops.stft(ops.reshape(x, (-1, 20)), 8, 4, 8), 8, 4, 8)),
    "view_as_complex": Row(complex_of, REFUSED),
    "view_as_real": Row(lambda x, y: ops.view_as_real(complex_of(x, y)), REFUSED),
    "polar": Row(lambda x, y: ops.polar(positive(x), y), REFUSED),
    "flipud": Row(lambda x, y: ops.flipud(x), MIXES),
    "fliplr": Row(lambda x, y: ops.fliplr(x)),
    "fold": Row(lambda x, y: ops.fold(ops.transpose(x[:, :4], (0, 2, 1)), (3, 3), (2, 2)), APPROXIMATE),
    "unfold": Row(lambda x, y: ops.unfold(ops.reshape(x, (-1, 1, 5, 4)), 2), REFUSED),
    "scan": Row(lambda x, y: ops.scan(lambda c, s: (c + s, c), x[:, 0], ops.transpose(x, (1, 0, 2)))[0]),
    "map": Row(lambda x, y: ops.map(lambda row: row * 2, x), APPROXIMATE),
    "vectorized_map": Row(lambda x, y: ops.vectorized_map(lambda row: row * 2, x)),
    "switch": Row(lambda x, y: ops.switch(ops.convert_to_tensor(1), [lambda a: a, lambda a: 2 * a], x)),
    "get_item": Row(lambda x, y: ops.get_item(x, (slice(None), slice(1, 3)))),
    "glu": Row(lambda x, y: ops.glu(x)),
    "histogram": Row(lambda x, y: ops.histogram(x)[0], REFUSED),
    "hsplit": Row(lambda x, y: ops.hsplit(ops.concatenate([x, y], 1), 2)),
    "hstack": Row(lambda x, y: ops.hstack([x, y])),
    "vsplit": Row(lambda x, y: ops.vsplit(x, 1)),
    "vstack": Row(lambda x, y: ops.vstack([x, y]), MIXES),
    "in_top_k": Row(lambda x, y: ops.in_top_k(np.array([1]), x[:, 0], 2), REFUSED),
    "inner": Row(lambda x, y: ops.inner(x, A.T), REFUSED),
    "inv": Row(unary("inv", square), APPROXIMATE),
    "isin": Row(lambda x, y: ops.isin(whole(x), np.array([0, 2])), REFUSED),
    "kron": Row(lambda x, y: ops.kron(x, B[None]), REFUSED),
    "layer_normalization": Row(lambda x, y: ops.layer_normalization(x)),
    "ldexp": Row(lambda x, y: ops.ldexp(x, 2)),
    "linspace": Row(lambda x, y: ops.linspace(x, y, 3, axis=1)),
    "logspace": Row(lambda x, y: ops.logspace(inside(x), inside(y), 3, axis=1)),
    "geomspace": Row(lambda x, y: ops.geomspace(positive(x), positive(y), 3, axis=1), MIXES),
    "logdet": Row(unary("logdet", square), APPROXIMATE),
    "slogdet": Row(lambda x, y: ops.slogdet(square(x))[1], APPROXIMATE),
    "lu_factor": Row(lambda x, y: ops.lu_factor(square(x))[0], REFUSED),
    "matmul": Row(lambda x, y: ops.matmul(x, ops.transpose(y, (0, 2, 1)))),
    "matrix_rank": Row(unary("matrix_rank", square), APPROXIMATE),
    "max_pool": Row(lambda x, y: ops.max_pool(x, 2, 1)),
    "meshgrid": Row(lambda x, y: ops.meshgrid(ops.reshape(x, (-1,)), V), MIXES),
    "moments": Row(lambda x, y: list(ops.moments(x, 1))),
    "moveaxis": Row(lambda x, y: ops.moveaxis(x, 1, 2)),
    "multi_hot": Row(lambda x, y: ops.multi_hot(ops.argmax(x, -1), 4)),
    "one_hot": Row(lambda x, y: ops.one_hot(ops.argmax(x, -1), 4)),
    "norm": Row(lambda x, y: ops.norm(x, axis=-1)),
    "outer": Row(lambda x, y: ops.outer(x, V), MIXES),
    "pad": Row(lambda x, y: ops.pad(x, [[0, 0], [1, 1], [0, 0]])),
    "pad, of rows": Row(lambda x, y: ops.pad(x, [[1, 1], [0, 0], [0, 0]]), MIXES),
    "pinv": Row(unary("pinv", square), APPROXIMATE),
    "power": Row(lambda x, y: ops.power(positive(x), y)),
    "psnr": Row(lambda x, y: ops.psnr(x, y, 1.0), MIXES),
    "qr": Row(lambda x, y: list(ops.qr(x)), APPROXIMATE),
    "ravel": Row(lambda x, y: ops.ravel(x), MIXES),
    "rearrange": Row(lambda x, y: ops.rearrange(x, "b h c -> b c h")),
    "repeat": Row(lambda x, y: ops.repeat(x, 2, 1)),
    "repeat, of rows": Row(lambda x, y: ops.repeat(x, 2, 0), MIXES),
    "reshape": Row(lambda x, y: ops.reshape(x, (-1, 20))),
    "rms_normalization": Row(lambda x, y: ops.rms_normalization(x)),
    "roll": Row(lambda x, y: ops.roll(x, 1, 1)),
    "roll, of rows": Row(lambda x, y: ops.roll(x, 1, 0), MIXES),
    "rot90": Row(lambda x, y: ops.rot90(x, axes=(1, 2))),
    "saturate_cast": Row(lambda x, y: ops.cast(ops.saturate_cast(x * 90, "int8"), "float32")),
    "scatter_update": Row(lambda x, y: ops.scatter_update(x, np.array([[0, 1, 2]]), np.ones(1, "float32")), MIXES),
    "searchsorted": Row(lambda x, y: ops.searchsorted(np.sort(V), ops.reshape(x, (-1,))), MIXES),
    "segment_max": Row(lambda x, y: ops.segment_max(x, np.array([0, 0, 1]), 2), MIXES),
    "segment_min": Row(lambda x, y: ops.segment_min(x, np.array([0, 0, 1]), 2), MIXES),
    "segment_prod": Row(lambda x, y: ops.segment_prod(x, np.array([0, 0, 1]), 2), MIXES),
    "segment_sum": Row(lambda x, y: ops.segment_sum(x, np.array([0, 0, 1]), 2), MIXES),
    "select": Row(lambda x, y: ops.select([x > 0, y > 0], [x, y], 0.5)),
    "slice": Row(lambda x, y: ops.slice(x, (0, 1, 0), (1, 2, 4)), MIXES),
    "slice_update": Row(lambda x, y: ops.slice_update(x, (0, 1, 0), np.ones((1, 2, 4), "float32")), MIXES),
    "solve": Row(lambda x, y: ops.solve(square(x), y[:, :4]), APPROXIMATE),
    "solve_triangular": Row(
        lambda x, y: ops.solve_triangular(ops.cholesky(square(x)), y[:, :4], lower=True), APPROXIMATE
    ),
    "sparse_categorical_crossentropy": Row(
        lambda x, y: ops.sparse_categorical_crossentropy(ops.argmax(y, -1), ops.softmax(x))
    ),
    "sparsemax": Row(lambda x, y: ops.sparsemax(x)),
    "split": Row(lambda x, y: ops.split(x, 2, -1)),
    "squeeze": Row(lambda x, y: ops.squeeze(x[:, :1], 1)),
    "stack": Row(lambda x, y: ops.stack([x, y], 1)),
    "stack, of rows": Row(lambda x, y: ops.stack([x, y], 0), MIXES),
    "svd": Row(lambda x, y: ops.svd(square(x), compute_uv=False), APPROXIMATE),
    "swapaxes": Row(lambda x, y: ops.swapaxes(x, 1, 2)),
    "swapaxes, of rows": Row(lambda x, y: ops.swapaxes(x, 0, 1), MIXES),
    "take": Row(lambda x, y: ops.take(x, np.array([2, 0]), 1)),
    "take, computed": Row(lambda x, y: ops.take(V, ops.argmax(x, -1), 0)),
    "take, of rows": Row(lambda x, y: ops.take(x, np.array([0]), 0), MIXES),
    "take_along_axis": Row(lambda x, y: ops.take_along_axis(x, PLACES, 2)),
    "take_along_axis, computed": Row(lambda x, y: ops.take_along_axis(x, ops.argsort(x, axis=-1), 2)),
    "take_along_axis, of labels": Row(lambda x, y: ops.take_along_axis(x, ops.argmax(x, -1)[:, :, None], 2)),
    "tensordot": Row(lambda x, y: ops.tensordot(x, A, 1)),
    "threshold": Row(lambda x, y: ops.threshold(x, 0.2, -1.0)),
    "tile": Row(lambda x, y: ops.tile(x, (1, 2, 1))),
    "tile, of rows": Row(lambda x, y: ops.tile(x, (2, 1, 1)), MIXES),
    "top_k": Row(lambda x, y: ops.top_k(x, 2)[0]),
    "trace": Row(lambda x, y: ops.trace(x, axis1=1, axis2=2)),
    "transpose": Row(lambda x, y: ops.transpose(x, (0, 2, 1))),
    "transpose, of rows": Row(lambda x, y: ops.transpose(x), MIXES),
    "trapezoid": Row(lambda x, y: ops.trapezoid(x, axis=1)),
    "unstack": Row(lambda x, y: ops.unstack(x, axis=1)),
    "vander": Row(lambda x, y: ops.vander(ops.reshape(x, (-1,)), 3), MIXES),
    "vdot": Row(lambda x, y: ops.vdot(x, y), MIXES),
    "view": Row(lambda x, y: ops.view(x, "int32"), REFUSED),
    "where": Row(lambda x, y: ops.where(x > 0.1, x, y)),
    "unravel_index": Row(lambda x, y: list(ops.unravel_index(ops.argmax(x, -1), (2, 2))), REFUSED),
}

WITHOUT_TENSORS = """
    adaptive_average_pool adaptive_max_pool allclose arange argpartition bartlett bincount blackman broadcast_to
    conv_transpose convert_to_numpy correlate ctc_decode ctc_loss custom_gradient dtype
    empty empty_like eye fori_loop full hamming hanning identity is_tensor jvp kaiser lstsq ndim nonzero ones scatter
    shape size tri unique vectorize while_loop zeros
"""
OTHERS = set(WITHOUT_TENSORS.split())

OF_LATER_KERAS = """
    associative_scan batch_normalization map segment_max segment_sum solve svd trace tril triu
"""
LATER = set(OF_LATER_KERAS.split())
"""What the code of an older Keras does not run with an open number of rows."""
