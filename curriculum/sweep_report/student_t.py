"""Computes tail probabilities and critical values of Student's t distribution.

SciPy has both, and needs 110 MB; `curriculum` installs without it, so these 30 lines stand in. The tail is a
regularised incomplete beta function, by its continued fraction (NIST DLMF 8.17.22, evaluated as in 3.10 by the
modified Lentz method).
"""

from __future__ import annotations

import math
from statistics import NormalDist

_LIKE_NORMAL = 1e6
"""Degrees of freedom from which on the normal distribution is used: they differ by less than 1e-6."""


def tail(t: float, freedom: float) -> float:
    """P(|T| >= |t|) with `freedom` degrees of freedom, which need not be whole."""
    if freedom >= _LIKE_NORMAL:
        return math.erfc(abs(t) / math.sqrt(2))
    if not math.isfinite(t):
        return 0.0
    return _beta(freedom / 2, 0.5, freedom / (freedom + t * t), t * t / (freedom + t * t))


def critical(level: float, freedom: float) -> float:
    """The t for which P(|T| < t) is `level`.

    The tail is convex in t > 0, and the normal quantile lies below, so Newton's steps never pass the solution.
    """
    t = NormalDist().inv_cdf((1 + level) / 2)
    if freedom >= _LIKE_NORMAL:
        return t
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    for _ in range(200):
        density = scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2)
        step = (tail(t, freedom) - (1 - level)) / (2 * density)
        t += step
        if abs(step) <= 1e-12 * t:
            break
    return t


def _beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I_x(a, b); `rest` is 1 - x without its rounding."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(b, a, rest, x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)) / a
    value = upper = 1.0
    lower = 0.0
    for n in range(1, 2000):
        m = n // 2
        if n % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        upper, lower = 1 + term / upper, 1 / (1 + term * lower)
        value *= upper * lower
        if abs(upper * lower - 1) < 1e-14:
            break
    return front / value
