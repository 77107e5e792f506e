"""Ends a job that has written nothing: an empty dataset is no success, whatever each of its rows was rejected for.

What the run left is taken away but for its plan and its rejects, which say more than a line can, so that the next run
may begin with other settings in the same directory (`plan.begin`).
"""

from __future__ import annotations

from collections.abc import Mapping

from common.errors import InputError
from dataprep.engine.paths import LEASE_NAME, PLAN_NAME, STAGING
from dataprep.engine.rejects import FOLDER
from dataprep.storage import files

REMEDIES = {
    "members_apart": "members of a pair must lie side by side: make the tar with `tar --sort=name`",
    "missing_image": "check `image_root`: the rows' `image` paths begin there",
    "pair_too_long": "raise `seq_len`, or choose a `geometry` of fewer tokens",
    "conversation_too_long": "raise `seq_len`, or choose a `geometry` of fewer tokens",
    "no_caption": "check `captions.use` against what the tars hold",
    "no_image": "give webdataset tars with a jpg, png or webp in each sample",
    "where": "check `where`",
    "missing_text": "check `text_field`",
    "address": "name the networks that may be dialled in `allow_addresses`, and use another `out`",
    "not_in_dr": "give `metadata` and `dr` of the same subset",
    "not_in_metadata": "give `metadata` and `dr` of the same subset",
    "bad_row": "check that the rows have what the job needs",
    "held_out": "lower `held_out`",
}
"""What to do about a reason code that most rows were rejected for; in the order of this list among equal counts."""
_SHOWN = 3


def nothing_written(what: str, out: str, rejected: Mapping[str, int], remedy: str | None = None) -> InputError:
    """The error to raise: nothing of `what` was written, the main reasons, and what to do about the first."""
    order = list(REMEDIES)
    found = sorted(
        ((reason, count) for reason, count in rejected.items() if count),
        key=lambda one: (-one[1], order.index(one[0]) if one[0] in order else len(order)),
    )
    if not found:
        return InputError(f"nothing was written: the inputs hold no {what}", file=out, remedy="check the inputs")
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in found[:_SHOWN])
    remedy = remedy or REMEDIES.get(found[0][0], f"{FOLDER}/ in it names each")
    return InputError(f"nothing was written: {what} rejected: {reasons}", file=out, remedy=remedy)


def nothing_held_out(written: int, share: float, out: str) -> InputError:
    """The error to raise: the share of a job's `held_out` chose none of the rows that it could have `written`."""
    problem = f"no row was held out: {share:.3g} of {written:,} rows chose none"
    return InputError(problem, file=out, field="held_out", remedy="raise it, give more rows, or try another `seed`")


def clear(out: str) -> None:
    """Remove all that a run without result left in `out`, but for its plan and its rejects."""
    names = (files.join(out, STAGING, name) for name in (PLAN_NAME, LEASE_NAME))
    kept = (*names, files.join(out, FOLDER) + "/")
    for uri in files.list_files(out):
        if not uri.startswith(kept):
            files.remove(uri)
