"""Defines the schedule: for any position of a run, which sample, at which learning rate. A pure function, kept as JSON.

`position` counts samples since the start of the run; every sample is `seq_len` tokens. Nothing here depends on ranks,
workers, batch size or what was asked before, and nothing grows with the length of the run: start, seek and resume cost
the same anywhere. `curriculum` compiles a schedule from YAML; `train` reads it.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from common import atomic_files, seal
from common.errors import InputError
from schemas import schedule_seal
from schemas.conversation_format import VERSION_1, ConversationFormat
from schemas.manifest import ImageGeometry, TokenizerIdentity
from schemas.order.history import past
from schemas.order.lane_counts import LaneCounts
from schemas.order.lane_order import Deal
from schemas.order.learning_rate import Piece, rate_at
from schemas.order.mixing import SourceIds
from schemas.order.pass_order import PassOrder, pass_order
from schemas.order.timeline import Segment, Timeline
from schemas.phases import Phase, Source
from schemas.schema_version import refuse_later
from schemas.strict_model import Strict

_CHUNK = 1 << 16
"""Positions worked out at a time: arrays of this length stay in the processor's cache."""
MOST_ROWS = 1 << 24
"""Samples of a step: a rank holds its part of them in memory."""
_FEW = 4
"""Up to so many positions are worked out one by one."""


class Schedule(Strict):
    """Holds a compiled curriculum."""

    version: Literal[1] = 1
    seed: int
    seq_len: int = Field(gt=0, le=1 << 24)
    """Tokens in a sample."""
    global_batch: int = Field(gt=0, le=MOST_ROWS)
    """Samples in an optimizer step as compiled; the order of samples does not depend on it."""
    lanes: int = Field(default=1, ge=1, lt=1 << 16)
    """Equal slices of the global batch, each of which keeps to its own part of every source's shards: nodes that read
    whole slices touch few shards. With more than one, the order depends on `global_batch` as compiled."""
    tokenizer: TokenizerIdentity
    geometry: ImageGeometry | None = None
    conversation: ConversationFormat | None = None
    """How the sources' conversations are written; None without any, and for version 1."""
    sources: list[Source] = Field(min_length=1)
    phases: list[Phase] = Field(min_length=1)
    learning_rate: list[Piece] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_a_run(self) -> Self:
        position = 0
        for phase in self.phases:
            if phase.start != position:
                raise ValueError(f"phase '{phase.name}' starts at {phase.start:,}, the one before ends at {position:,}")
            if any(len(s) != len(self.sources) for s in filter(None, (phase.shares, phase.shares_to))):
                raise ValueError(f"phase '{phase.name}' does not give a share for every source")
            position = phase.stop
        starts = [piece.start for piece in self.learning_rate]
        if starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("learning-rate pieces must start at 0 and follow each other")
        if self.global_batch % self.lanes:
            raise ValueError(f"a global batch of {self.global_batch:,} cannot be cut into {self.lanes:,} equal lanes")
        if len({source.name for source in self.sources}) != len(self.sources):
            raise ValueError("two sources have the same name")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Schedule:
        """Read a compiled schedule.

        Raises:
            InputError: the file is missing or damaged, or was edited in another place than a source's path.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            remedy = "compile one: python -m curriculum compile CURRICULUM.yaml -o schedule.json"
            raise InputError(f"cannot read the schedule ({error.strerror})", file=path, remedy=remedy) from None
        try:
            said, digest = schedule_seal.parsed(data)
            found = cls.model_validate(said)
        except ValueError as error:
            refuse_later("schedule", data, path)
            problem, key = seal.told(error)
            remedy = "compile it (again) with this version: python -m curriculum compile"
            raise InputError(f"not a schedule: {problem}", file=path, field=key, remedy=remedy) from None
        schedule_seal.check(said, digest, path)
        return found

    @cached_property
    def _timeline(self) -> Timeline:
        segments = [Segment(p.start, p.stop, p.shares, p.shares_to, p.ramp, p.ramp_over) for p in self.phases]
        return Timeline(segments, len(self.sources))

    @property
    def conversation_format(self) -> ConversationFormat | None:
        """How the sources' conversations are written; None without any."""
        has_any = any(source.kind == "conversations" for source in self.sources)
        return (self.conversation or VERSION_1) if has_any else None

    @property
    def total_samples(self) -> int:
        """Samples in the whole run."""
        return self.phases[-1].stop

    def tokens(self, position: int) -> int:
        """Tokens before `position`, padding included."""
        return position * self.seq_len

    def counts(self, position: int) -> dict[str, int]:
        """Samples of each source before `position`. Raises IndexError outside the run."""
        return dict(zip((s.name for s in self.sources), self._timeline.counts(position), strict=True))

    def targets(self, position: int) -> dict[str, float]:
        """Samples of each source that are exactly due before `position`, unrounded."""
        due = self._timeline.integrals(position)
        return {source.name: float(value) for source, value in zip(self.sources, due, strict=True)}

    def error_bound(self) -> float:
        """Proven bound on |counts - targets|, in samples, over every source and prefix (`schemas.order.mixing`)."""
        return float(self._timeline.error_bound())

    def samples(self, start: int, stop: int) -> tuple[SourceIds, NDArray[np.int64]]:
        """Which source each position of [start, stop) draws from, and which of its samples.

        Returns:
            (indices into `sources`, int32; sample ids within the source, int64), both of shape [stop - start].
        """
        if not 0 <= start <= stop <= self.total_samples:
            raise IndexError(f"[{start:,}, {stop:,}) is outside the run, 0 to {self.total_samples:,}")
        ids, chosen = np.empty(stop - start, np.int32), np.empty(stop - start, np.int64)
        chunk = _CHUNK if self.lanes == 1 else 4 * _CHUNK  # lanes are worked out one by one: fewer, larger pieces pay
        for low in range(start, stop, chunk):
            high = min(low + chunk, stop)
            self._fill(low, high, ids[low - start : high - start], chosen[low - start : high - start])
        return ids, chosen

    def sample(self, position: int) -> tuple[int, int]:
        """(index into `sources`, sample id within it) at one position; many times faster than `samples` for one."""
        number, ordinal = self._timeline.draw(position)
        turn, place = divmod(ordinal, self.sources[number].samples)
        if self.lanes > 1:
            place = self._deal(number, turn).one(ordinal)
        return number, self._order(number, turn).one(place)

    def _fill(self, start: int, stop: int, ids: SourceIds, chosen: NDArray[np.int64]) -> None:
        """`samples` of a chunk that fits the processor's cache, into arrays of its length."""
        if stop - start <= _FEW:
            for index in range(stop - start):
                ids[index], chosen[index] = self.sample(start + index)
            return
        ids[:] = self._timeline.sources(start, stop)
        before = self._timeline.counts(start)
        for number, source in enumerate(self.sources):
            here = np.flatnonzero(ids == number)
            done = 0
            while done < len(here):  # once, or twice where a pass ends in this chunk
                turn, place = divmod(before[number] + done, source.samples)
                some = min(len(here) - done, source.samples - place)
                if self.lanes > 1:
                    first = before[number] + done
                    turns = self._deal(number, turn).turns(first, first + some)
                else:
                    turns = np.arange(place, place + some, dtype=np.int64)
                chosen[here[done : done + some]] = self._order(number, turn)(turns)
                done += some

    @cached_property
    def _order(self) -> Any:
        """`PassOrder` of (source number, pass), remembered: neighbouring positions share a pass."""

        @lru_cache(maxsize=4 * len(self.sources))
        def order(number: int, turn: int) -> PassOrder:
            source = self.sources[number]
            sizes = np.repeat(*np.array(source.shards, np.int64).T)
            return pass_order(sizes, self.seed, source.name, turn, self.lanes)

        return order

    @cached_property
    def _deal(self) -> Any:
        """`Deal` of (source number, pass), remembered."""

        @cache
        def counts(number: int) -> LaneCounts:
            stretches = self._timeline.stretches(number)
            total = self._timeline.counts(self.total_samples)[number]
            return LaneCounts(stretches, total, self.global_batch, self.lanes)

        @lru_cache(maxsize=4 * len(self.sources))
        def deal(number: int, turn: int) -> Deal:
            return Deal(counts(number), self.sources[number].samples, turn)

        return deal

    def lr(self, position: int) -> float:
        """Learning rate of the step whose first sample is `position`."""
        return rate_at(self.learning_rate, position)

    def phase(self, position: int) -> Phase:
        """The phase that `position` lies in; the last one at the run's end."""
        if not 0 <= position <= self.total_samples:
            raise IndexError(f"position {position:,} is outside the run, 0 to {self.total_samples:,}")
        return self.phases[bisect_right(self.phases, position, key=lambda phase: phase.start) - 1]

    @property
    def hash(self) -> str:
        """Names the whole run; paths of datasets do not count."""
        return self.prefix_hash(self.total_samples)

    def prefix_hash(self, position: int) -> str:
        """Names the run's past: what was drawn before `position`, and at which learning rates.

        It looks at what was written, not at what came of it: schedules with equal hashes share their past; two that
        were written differently may share it all the same.
        """
        if not 0 <= position <= self.total_samples:
            raise IndexError(f"position {position:,} is outside the run, 0 to {self.total_samples:,}")
        text = json.dumps(past(self, position), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def cut(self, stop: int) -> Schedule:
        """The run's first `stop` samples as a run of their own: the same past, and so the same `prefix_hash`."""
        if not 0 < stop <= self.total_samples:
            raise IndexError(f"position {stop:,} is outside the run, 1 to {self.total_samples:,}")
        phases = []
        for phase in self.phases:
            if phase.start < stop < phase.stop:
                points = {
                    key: [p for p in getattr(phase, key) if p <= stop] for key in ("evaluate_at", "checkpoint_at")
                }
                over = {"ramp_over": phase.ramp_over or phase.stop - phase.start} if phase.ramp else {}
                phases.append(phase.model_copy(update={"stop": stop, **over, **points}))
            elif phase.start < stop:
                phases.append(phase)
        pieces = [piece for piece in self.learning_rate if piece.start < stop]
        return self.model_copy(update={"phases": phases, "learning_rate": pieces})

    def save(self, path: str | Path) -> None:
        """Write the schedule as JSON with its seal, atomically."""
        atomic_files.write_text(Path(path), schedule_seal.sealed(self.model_dump_json(indent=1)))
