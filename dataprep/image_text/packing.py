"""Packs whole items into windows of a fixed capacity, leaving as little padding as a bounded buffer allows.

An image-text pair may not be cut, so a window of 2,048 positions holds nine pairs or ten, and what is left over is
padding. Fitting items one at a time (first fit, best fit) wastes 3-8 % on caption lengths as they occur, because a
window that is nearly full waits for an item of just the right length. Here the question is turned round: for each
window, *which subset of the buffered items fills it best?* That is a subset-sum over a few hundred small integers,
which one big integer answers as a bit set in microseconds (bit s is set when some subset sums to s).

Each window starts from the shortest item that is buffered: short items are what fills gaps, and spending them evenly
keeps long ones from being left among themselves. Nothing here depends on the machine: equal lengths in equal order
give equal windows.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

DEFAULT_BUFFER = 1024
"""Items held back at once. 256 pads about 0.3 % more, 4,096 no less."""


def pack(lengths: Iterable[int], capacity: int, buffer: int = DEFAULT_BUFFER) -> Iterator[list[int]]:
    """Yield windows as ascending lists of indices into `lengths`; every index comes out exactly once.

    At most `buffer` items are held between windows, so `lengths` may be a generator over a data set of any size.

    Raises:
        ValueError: a length is not in 1..`capacity`; the caller rejects such items before packing.
    """
    waiting: dict[int, deque[int]] = defaultdict(deque)
    held = 0
    arrivals = enumerate(lengths)
    while True:
        while held < buffer and (arrival := next(arrivals, None)) is not None:
            index, length = arrival
            if not 1 <= length <= capacity:
                raise ValueError(f"item {index} has length {length}, outside 1..{capacity}")
            waiting[length].append(index)
            held += 1
        if not held:
            return
        window = [
            waiting[length].popleft()
            for length, count in best_fill({length: len(queue) for length, queue in waiting.items()}, capacity)
            for _ in range(count)
        ]
        held -= len(window)
        for length in [length for length, queue in waiting.items() if not queue]:
            del waiting[length]
        yield sorted(window)


def best_fill(counts: dict[int, int], capacity: int) -> list[tuple[int, int]]:
    """Choose how many items of each length fill `capacity` best, the shortest length being used at least once.

    Args:
        counts: items at hand by length; lengths within 1..`capacity`, counts positive.

    Returns:
        (length, how many) pairs; their sum is the largest one that is at most `capacity`.
    """
    shortest = min(counts)
    room = capacity - shortest
    mask = (1 << (room + 1)) - 1
    reach = [1]  # reach[i]: the sums that the first i steps can make; one step is `times` items of one length
    steps: list[tuple[int, int]] = []
    for length, times in _steps(counts, shortest, room):
        steps.append((length, times))
        reach.append((reach[-1] | reach[-1] << length * times) & mask)
        if reach[-1] >> room & 1:  # an exact fill: more choice cannot improve it
            break
    chosen: dict[int, int] = {shortest: 1}
    rest = reach[-1].bit_length() - 1
    for step in range(len(steps), 0, -1):
        if not reach[step - 1] >> rest & 1:  # out of reach without this step, so it is part of the answer
            length, times = steps[step - 1]
            chosen[length] = chosen.get(length, 0) + times
            rest -= length * times
    return list(chosen.items())


def _steps(counts: dict[int, int], shortest: int, room: int) -> Iterator[tuple[int, int]]:
    """Each length's items in groups of 1, 2, 4, ...: any count is a sum of groups, at a logarithmic price."""
    for length in sorted(counts):
        left = min(counts[length] - (length == shortest), room // length)
        group = 1
        while left > 0:
            times = min(group, left)
            yield length, times
            left -= times
            group *= 2
