"""Gathers the facts of a step over all ranks: loss, tokens and samples by source, images, and a digest of the samples.

Everything that is logged or audited, and whether the encoder was used at all, comes from one vector, summed over ranks
in a single all-reduce a step, before the optimizer acts. Sums are kept in float64: counts stay exact. The digest of the
rows (`train.audit.sample_digest`) travels as two halves of 32 bits, so that it stays exact too.
"""

from __future__ import annotations

from typing import cast

import torch
from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist
from torch import Tensor

from schemas.schedule import Schedule
from train.audit import sample_digest
from train.models.document_positions import document_ids
from train.models.document_positions import positions as positions_in
from train.models.vlm import Outputs

_HALF = 1 << 32


class StepRecord(Callback):
    """Facts of the current step. Lists are by source, in the schedule's order.

    Must stand first among the callbacks: the others read what it has gathered.
    """

    def __init__(
        self,
        schedule: Schedule,
        seen: dict[str, int] | None = None,
        drawn: str = "",
        *,
        mask_documents: bool = True,
        end_opens: bool = True,
    ) -> None:
        """Args:
        schedule: the run's.
        mask_documents: whether packed documents are hidden from each other.
        end_opens: whether an end-of-text belongs to the document that it opens.
        seen: samples of each source since the run's start, as a checkpoint has them.
        drawn: digest of those samples, likewise; empty for none.
        """
        self.schedule, self.mask_documents, self.end_opens = schedule, mask_documents, end_opens
        self.seen = [(seen or {}).get(source.name, 0) for source in schedule.sources]
        """Samples of each source since the run's start: counted, and carried from checkpoint to checkpoint."""
        self.drawn = int(drawn, 16) if drawn else 0
        """Digest of all samples since the run's start, carried likewise."""
        self.start = 0
        """Position of the step's first sample."""
        self.loss_sums: list[float] = []
        """Cross-entropy in nats, summed over loss-bearing tokens."""
        self.loss_tokens: list[int] = []
        self.samples: list[int] = []
        self.tokens: list[int] = []
        """Tokens that are not padding, visual ones included."""
        self.hand = False
        """Whether this rank wants to stop after the step (`leaving`)."""
        self.leave = False
        """Whether any rank does."""
        self.save_ended = self.save_failed = False
        """Of a checkpoint in the making: whether it is complete, or cannot be, as far as this rank knew before the step
        (`Checkpointing` says so); `saves_ended` and `saves_failed` count the ranks."""
        self.saves_ended = self.saves_failed = 0
        self.images = 0
        self.attended = 0
        """Pairs of a token and one that it sees, itself included."""
        self.digest = 0
        """Of the step's rows, as they were read."""
        self._keys = sample_digest.source_keys(schedule)
        self._sums: Tensor
        self._attended = 0

    def batch_start(self, state: State, logger: Logger) -> None:
        self.start = int(state.timestamp.sample)
        count = len(self.schedule.sources)
        sources, real = state.batch["sources"].cpu(), state.batch["real_tokens"].cpu()
        positions, samples = state.batch["positions"].cpu(), state.batch["samples"].cpu()
        rows = sample_digest.row_digests(self._keys, positions.numpy(), sources.numpy(), samples.numpy())
        self._digest = sample_digest.total(rows)
        self._images = int(state.batch["images_per_row"].sum())
        sums = torch.zeros(4, count, dtype=torch.float64)
        sums[2] = torch.bincount(sources, minlength=count)
        sums[3] = torch.bincount(sources, weights=real.double(), minlength=count)
        self._sums = state.device.tensor_to_device(sums)
        ids = state.batch["input_ids"]
        documents = document_ids(ids, self.schedule.tokenizer.end_of_text_id, opens=self.end_opens)
        documents *= self.mask_documents
        self._attended = int((positions_in(documents) + 1).sum())

    def after_loss(self, state: State, logger: Logger) -> None:
        """Once for each micro-batch."""
        batch, nll = state.batch, cast(Outputs, state.outputs).nll.double()
        source_of_token = batch["sources"][batch["loss_index"] // batch["input_ids"].shape[1]]
        self._sums[0].index_add_(0, source_of_token, nll)
        self._sums[1].index_add_(0, source_of_token, torch.ones_like(nll))

    def after_train_batch(self, state: State, logger: Logger) -> None:
        flags = (self.save_ended, self.save_failed, self.hand)
        rest = self._sums.new_tensor([self._attended, *flags, self._images, *divmod(self._digest, _HALF)])
        everything = torch.cat((self._sums.flatten(), rest))
        if dist.get_world_size() > 1:
            dist.all_reduce(everything)
        count = len(self.schedule.sources)
        values = everything.tolist()
        self.loss_sums = values[:count]
        self.loss_tokens, self.samples, self.tokens = (
            [int(v) for v in values[part * count : (part + 1) * count]] for part in (1, 2, 3)
        )
        self.seen = [before + now for before, now in zip(self.seen, self.samples, strict=True)]
        self.attended = int(values[-7])
        self.saves_ended, self.saves_failed = int(values[-6]), int(values[-5])
        self.leave, self.images = bool(values[-4]), int(values[-3])
        self.digest = (int(values[-2]) * _HALF + int(values[-1])) % sample_digest.MODULUS
        self.drawn = (self.drawn + self.digest) % sample_digest.MODULUS

    @property
    def stop(self) -> int:
        """Position after the step."""
        return self.start + sum(self.samples)

    @property
    def real_tokens(self) -> int:
        """Tokens of the step that are not padding, visual ones included."""
        return sum(self.tokens)

    @property
    def loss(self) -> float | None:
        """Mean cross-entropy in nats over all loss-bearing tokens of the step; None if it had none."""
        count = sum(self.loss_tokens)
        return sum(self.loss_sums) / count if count else None
