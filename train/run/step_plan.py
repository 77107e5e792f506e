"""Plans the steps of a run from its schedule."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from common.errors import InputError
from schemas.schedule import Schedule
from train.config.run_config import RunConfig
from train.loader.rank_share import dealt

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Steps:
    """How the run is cut into steps on this cluster."""

    global_batch: int
    """Rows of all ranks in a step."""
    ranks: int
    stop: int
    """Position where training ends."""

    @classmethod
    def of(cls, run: RunConfig, schedule: Schedule, ranks: int) -> Steps:
        """Check that every rank has a row of a step.

        The run's last step may be short; one with fewer rows than ranks is left out, since some would have nothing.
        """
        global_batch = run.global_batch or schedule.global_batch
        if global_batch < ranks:
            raise InputError(
                f"a global batch of {global_batch} rows is too small for {ranks} ranks",
                field="global_batch",
                remedy="use fewer ranks, or a larger batch; the order of samples does not depend on it",
            )
        return cls(global_batch, ranks, schedule.total_samples)

    @property
    def most_rows(self) -> int:
        """Rows of a step on the ranks that have most; where ranks do not divide the batch, others have one less."""
        return -(-self.global_batch // self.ranks)

    def rows_of(self, rank: int) -> int:
        """Rows of a whole step on `rank`."""
        return dealt(self.global_batch, rank + 1, self.ranks) - dealt(self.global_batch, rank, self.ranks)

    def stop_from(self, start: int) -> int:
        """Position after the last step of a run that goes on from `start`."""
        tail = (self.stop - start) % self.global_batch
        if not 0 < tail < self.ranks:
            return self.stop
        log.warning(
            "the run ends %d samples before its schedule: its last step would have fewer rows than the %d ranks; "
            "start it once more on fewer ranks to train on them",
            tail,
            self.ranks,
        )
        return self.stop - tail
