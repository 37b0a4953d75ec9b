"""Functions built on ReLU: the piecewise linear functions, and the two piecewise quadratic ones."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplift_tf.rules.secants.function import Function, Value, differentiable, gated, piecewise_constant, scaled, tiny


def above(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
    """Return the share of the segment between a and b that lies above zero: the secant slope of ReLU.

    (relu(a) + relu(b)) / (|a| + |b|) is exact in every branch without choosing one, and relu(a) and relu(b) are known
    from the forward pass. At a = b = 0 it is 0, and 1 with ``right``. (It is off below tiny / eps, 1e-31 in float32.)
    """
    positive, size = tf.nn.relu(a), tf.abs(a) + tiny(a)
    return ((positive + tiny(a) if right else positive) + tf.nn.relu(b)) / (size + tf.abs(b))


def below(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
    """Return 1 - above(a, b), without cancellation."""
    return above(-a, -b, not right)


def four_above(a: tf.Tensor, b: tf.Tensor, rise: tf.Tensor, drop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return mean and half-difference of RevealCancel's slopes of ReLU; see `four_slopes`.

    The slope from u to u + length is 1 + min(max(u / length, -1), 0). Quarters of the last term add up to the mean.
    """

    def quarter(u: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
        least, most = tf.constant(-0.25, u.dtype), tf.zeros([], u.dtype)
        return tf.raw_ops.ClipByValue(t=u * inverse, clip_value_min=least, clip_value_max=most)

    low = a - drop
    of_rise, of_drop = (0.25 / tf.maximum(length, tiny(length)) for length in (rise, drop))
    up = quarter(a, of_rise) + quarter(low, of_rise)
    down = quarter(low, of_drop) + quarter(b, of_drop)
    return 1.0 + (up + down), up - down


def inside(u: tf.Tensor, inverse: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Return a quarter of the share of a segment that lies between two limits.

    Parameters
    ----------
    u : tf.Tensor
        Where the segment starts.
    inverse : tf.Tensor
        ¼ / length.
    low, high : float
    """
    least, most = tf.zeros([], u.dtype), tf.constant(0.25, u.dtype)

    def up_to(limit: float) -> tf.Tensor:
        return tf.raw_ops.ClipByValue(t=(limit - u) * inverse, clip_value_min=least, clip_value_max=most)

    return up_to(high) - up_to(low)


def relu() -> Function:
    """Return max(x, 0)."""
    return Function(tf.nn.relu, above, "relu", rectifier=True, rising=True, four=four_above, by_output=relu_by_output)


def relu_by_output(m: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Return f'(x)·m of ReLU."""
    return tf.raw_ops.ReluGrad(gradients=m, features=y)


def relu6_by_output(m: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Return f'(x)·m of ReLU6."""
    return tf.raw_ops.Relu6Grad(gradients=m, features=y)


def leaky_relu(slope: float = 0.2) -> Function:
    """Return x above zero, slope * x below. Keras: the function 0.2, the layer 0.3."""
    rounded = float(np.float32(slope))  # as TensorFlow's operation does, in float64 too

    def by_output(m: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.LeakyReluGrad(gradients=m, features=y, alpha=rounded)

    return prelu(rounded)._replace(
        value=lambda x: tf.nn.leaky_relu(x, alpha=rounded),
        name="leaky_relu",
        rising=slope >= 0,
        by_output=by_output if slope > 0 else None,
    )


def prelu(alpha: tf.Tensor | float) -> Function:
    """Return x above zero, alpha * x below.

    Parameters
    ----------
    alpha : tf.Tensor or float, shape that broadcasts with the input
        Of any sign, and a tensor of the input's dtype.
    """
    rest = 1 - alpha

    def value(x: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(x) + alpha * tf.minimum(x, 0.0)

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        return alpha + rest * above(a, b, right)

    def four(*ends: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean, half = four_above(*ends)
        return alpha + rest * mean, rest * half

    return Function(value, secant, "prelu", rectifier=True, four=four)


def clip(low: float, high: float, name: str = "clip", kernel: Value | None = None) -> Function:
    """Return min(max(x, low), high): flat slopes on both kinks, unless ``right`` is given. Limits may be infinite.

    Parameters
    ----------
    low, high : float
    name : str
    kernel : callable, optional
        One operation of TensorFlow that has the same values.
    """

    def value(x: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(x, low, high) if kernel is None else kernel(x)

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        # Differences of the ends and of their values are exact to rounding, and so is the quotient.
        run = b - a
        steep = tf.cast((a >= low if right else a > low) & (a < high), a.dtype)
        return tf.where(run == 0, steep, tf.math.divide_no_nan(value(b) - value(a), run))

    def four(a: tf.Tensor, b: tf.Tensor, rise: tf.Tensor, drop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        lowest = a - drop
        of_rise, of_drop = (0.25 / tf.maximum(length, tiny(length)) for length in (rise, drop))
        up = inside(a, of_rise, low, high) + inside(lowest, of_rise, low, high)
        down = inside(lowest, of_drop, low, high) + inside(b, of_drop, low, high)
        return up + down, up - down

    bounded = bool(np.isfinite(low) and np.isfinite(high))
    return Function(value, secant, name, rising=True, levels=bool(np.isfinite(high)), four=four if bounded else None)


def relu6() -> Function:
    """Return min(max(x, 0), 6)."""
    return clip(0.0, 6.0, "relu6", tf.nn.relu6)._replace(rectifier=True, by_output=relu6_by_output)


def step(threshold: float = 0.0) -> Function:
    """Return 1 where x > threshold, else 0."""
    return piecewise_constant(lambda x: tf.cast(x > threshold, x.dtype), "step", rising=True)


def relu_layer(max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0) -> Function:
    """Return the function of ``keras.layers.ReLU``.

    It is x above ``threshold``, at most ``max_value``, and negative_slope * (x - threshold) below; a positive
    threshold makes a jump there, whose slope counts only between ends on its two sides.

    Parameters
    ----------
    max_value : float, optional
        Not negative. None: no upper bound.
    negative_slope, threshold : float
        Not negative.
    """
    if max_value is None and not threshold:
        return leaky_relu(negative_slope) if negative_slope else relu()
    bound = float("inf") if max_value is None else max_value
    if not threshold and not negative_slope:
        return relu6() if bound == 6 else clip(0.0, bound, "relu")._replace(rectifier=True)
    jump, jump_height = step(threshold), min(threshold, bound)

    def value(x: tf.Tensor) -> tf.Tensor:
        positive = tf.minimum(tf.where(x > threshold, x, tf.zeros_like(x)), bound)
        return positive + negative_slope * tf.minimum(x - threshold, 0.0)

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        slope = above(a - threshold, b - threshold, right)
        if max_value is not None:
            slope *= above(bound - tf.maximum(a, threshold), bound - tf.maximum(b, threshold))
        if threshold:
            slope += jump_height * jump.secant(a, b)
        if negative_slope:
            slope += negative_slope * below(a - threshold, b - threshold, right)
        return slope

    return Function(value, secant, "relu", rectifier=True, rising=True, levels=max_value is not None)


def threshold(limit: float, default_value: float) -> Function:
    """Return x where x > limit, else default_value."""
    jump = step(limit)

    def value(x: tf.Tensor) -> tf.Tensor:
        return tf.where(x > limit, x, tf.cast(default_value, x.dtype))

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        return above(a - limit, b - limit, right) + (limit - default_value) * jump.secant(a, b)

    return Function(value, secant, "threshold", rising=default_value <= limit)


def hard_sigmoid() -> Function:
    """Return (x + 3) / 6, clipped to 0 and 1."""
    secant = scaled(clip(-3.0, 3.0), 1 / 6).secant
    return Function(lambda x: tf.nn.relu6(x + 3.0) / 6.0, secant, "hard_sigmoid", rising=True, levels=True)


def hard_silu() -> Function:
    """Return x * hard_sigmoid(x)."""
    return gated(hard_sigmoid(), "hard_silu")


def hard_tanh() -> Function:
    """Return x, clipped to -1 and 1."""
    return clip(-1.0, 1.0, "hard_tanh")


def sparse_sigmoid() -> Function:
    """Return (x + 1) / 2, clipped to 0 and 1."""
    secant = scaled(clip(-1.0, 1.0), 0.5).secant

    def value(x: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(0.5 * (x + 1.0), 0.0, 1.0)

    return Function(value, secant, "sparse_sigmoid", rising=True, levels=True)


def sparse_plus() -> Function:
    """Return 0 below -1, (x + 1)^2 / 4 up to 1, x above."""

    def value(x: tf.Tensor) -> tf.Tensor:
        return tf.square(tf.clip_by_value(x, -1.0, 1.0) + 1.0) / 4.0 + tf.nn.relu(x - 1.0)

    def secant(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        linear = above(a - 1.0, b - 1.0)
        u, v = tf.minimum(a, 1.0) + 1.0, tf.minimum(b, 1.0) + 1.0
        return linear + (1.0 - linear) * above(u, v) * (tf.nn.relu(u) + tf.nn.relu(v)) / 4.0

    return differentiable("sparse_plus", value, secant, rising=True)


def soft_shrink(limit: float = 0.5) -> Function:
    """Return x moved towards zero by limit, and 0 within it."""

    def value(x: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(x - limit) - tf.nn.relu(-x - limit)

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        # To the right of the lower kink is flat, so that part takes no side.
        return above(a - limit, b - limit, right) + above(-limit - a, -limit - b)

    return Function(value, secant, "soft_shrink", rising=True, levels=True)


def hard_shrink(limit: float = 0.5) -> Function:
    """Return x where |x| > limit, else 0: the soft one plus two jumps of the size of limit."""
    soft = soft_shrink(limit)
    jumps = piecewise_constant(lambda x: tf.cast(x > limit, x.dtype) - tf.cast(x < -limit, x.dtype))

    def value(x: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.abs(x) > limit, x, tf.zeros_like(x))

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        return soft.secant(a, b, right) + limit * jumps.secant(a, b)

    return Function(value, secant, "hard_shrink", rising=True, levels=True)


def absolute() -> Function:
    """Return the absolute value: S = (a + b) / (|a| + |b|), and 0 on the kink."""

    def secant(a: tf.Tensor, b: tf.Tensor, right: bool = False) -> tf.Tensor:
        small = tiny(a)
        numerator = a + b + small if right else a + b
        return numerator / (tf.abs(a) + tf.abs(b) + small)

    return Function(tf.abs, secant, "abs")
