"""Computes sums of a rounded line in as many steps as Euclid's algorithm takes, to count draws in a slice of each
batch.

floor_sum(n, a, b, m) adds up floor((a j + b) / m) for j = 0 .. n - 1: the lattice points under a line. Where the line
rises by whole units they are counted in closed form; what is left is the same count with the axes exchanged and a
smaller modulus.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", int, NDArray[np.int64])
"""Plain integers of any size, or int64 arrays that hold every partial sum (n**2 and n * b below 2**62)."""


def floor_sum(n: Number, a: int, b: Number, m: int) -> Number:
    """Sum of floor((a j + b) / m) over j in [0, n); n, a, b >= 0, m > 0.

    `n` and `b` may be arrays of one shape, and so is the sum then.
    """
    terms: Any = n
    rest: Any = b
    total: Any = 0 * b
    while np.any(terms) if isinstance(terms, np.ndarray) else terms:
        rise, a = divmod(a, m)
        lift, rest = rest // m, rest % m
        total = total + terms * (terms - 1) // 2 * rise + terms * lift
        top = a * terms + rest
        terms, rest = top // m, top % m
        m, a = a, m
        if not m:  # the line is level: nothing is left under it
            break
    result: Number = total
    return result
