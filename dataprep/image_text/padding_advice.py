"""Tells before any work is done how much of a window will be padding, and what to change where that is too much.

A pair is not cut, so what matters is how well image tokens plus a caption divide a window. 196 tokens at 2,048 do
(nine or ten pairs, captions fill the gaps); 729 do not: two pairs fit, and more than a quarter of the window stays
empty whatever the packing. That is arithmetic, so it is worked out here by packing a few hundred lengths.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable, Sequence
from statistics import NormalDist

from dataprep.image_text.packing import pack

ENOUGH = 0.03
"""Share of positions that may be padding."""
_COUNT = 768
_TOKENS = (49, 64, 144, 196, 256, 576, 729, 1024)
"""Tokens of usual encoders: 224/32, 256/32, 336/28, 224/16, 256/16, 336/14, 384/14, 512/16."""


@functools.cache
def typical_captions() -> tuple[int, ...]:
    """Ids of alt texts and synthetic captions: log-normal, median 15, a tenth above 37; the same in every call."""
    normal = NormalDist(2.7, 0.7)
    lengths = [max(1, round(2.718281828 ** normal.inv_cdf((n + 0.5) / _COUNT))) for n in range(_COUNT)]
    random.Random(0).shuffle(lengths)
    return tuple(lengths)


def padding(lengths: Iterable[int], seq_len: int) -> float:
    """Share of positions that are padding when items of `lengths` ids are packed; the last window is left out of it.

    Items that fit no window are left out. 1.0 where none fits.
    """
    fitting = [length for length in lengths if length <= seq_len]
    windows = list(pack(fitting, seq_len))
    full = windows[:-1] if len(windows) > 1 else windows
    used = sum(fitting[index] for window in full for index in window)
    return 1 - used / (len(full) * seq_len) if full else 1.0


def advice(image_tokens: int, seq_len: int, captions: Sequence[int] | None = None) -> str | None:
    """One line on what to change where more than `ENOUGH` would be padding, else None.

    Args:
        captions: ids of sampled captions, end of text left out; typical ones by default.
    """
    texts = tuple(captions or typical_captions())[:_COUNT]

    def of(tokens: int, length: int) -> float:
        return padding((tokens + text + 1 for text in texts), length)

    now = of(image_tokens, seq_len)
    if now <= ENOUGH:
        return None
    longer = [seq_len * n // 2 for n in range(3, 9)]
    lengths = [(length, share) for length in longer if (share := of(image_tokens, length)) <= ENOUGH][:1]
    lengths = lengths or sorted(((length, of(image_tokens, length)) for length in longer), key=lambda one: one[1])[:1]
    others = sorted((tokens for tokens in _TOKENS if tokens != image_tokens), key=lambda n: abs(n - image_tokens))
    counts = [(tokens, share) for tokens in others if (share := of(tokens, seq_len)) <= ENOUGH][:2]
    fit = seq_len // (image_tokens + 1 + sorted(texts)[len(texts) // 2])
    remedies = [f"seq_len {length:,} ({share:.1%})" for length, share in lengths if share < now]
    remedies += [f"{tokens} image tokens ({share:.1%})" for tokens, share in counts]
    return (
        f"about {now:.0%} of positions would be padding: {fit} whole pairs of {image_tokens} image tokens fit in "
        f"{seq_len:,}; better: {', or '.join(remedies) or 'a longer seq_len'}"
    )
