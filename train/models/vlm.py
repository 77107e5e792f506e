"""Defines the vision-language model as Composer sees it: a micro-batch in, the loss of its tokens out.

Image features replace the embeddings of the placeholder ids, image after image in reading order. Where a micro-batch
has no images, the image side does not run, and DDP is told that its parameters have no gradient, so that it does not
wait for one; a rank without images adds nothing to the others' sum. With FSDP the image side has to run,
on one black image with weight zero, because ranks gather its weights together. (The trainer drops gradients of a step
that has no image at all before the optimizer, so that weight decay does not wear an idle encoder down.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from composer.models import ComposerModel
from torch import Tensor, nn

from schemas.manifest import ImageGeometry, TokenizerIdentity
from train.config.decoder_config import DecoderConfig
from train.config.encoder_config import EncoderConfig
from train.config.model_config import ModelConfig
from train.loader.rows.batch import Batch
from train.models.attention import document_mask
from train.models.decoder import INITIAL_STD, Decoder
from train.models.document_positions import document_ids, positions
from train.models.encoder import build_encoder
from train.models.loss import cross_entropy
from train.models.projector import Projector
from train.models.towers import Shapes


class _Idle(torch.autograd.Function):
    """Its first input, unchanged; the other ones are parameters that play no part in it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> Tensor:
        ctx.count = len(parameters)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0], *[None] * ctx.count  # DDP hears of a parameter without a gradient, and takes zero


class Outputs(NamedTuple):
    """Holds what a training step knows about a micro-batch."""

    loss: Tensor
    """Mean over the loss-bearing tokens, z-loss included."""
    nll: Tensor
    """Cross-entropy in nats of each loss-bearing token, in reading order; detached."""


class VisionLanguageModel(ComposerModel):
    """Decoder, and (where the data has images) encoder and projector."""

    def __init__(
        self,
        decoder: DecoderConfig,
        tokenizer: TokenizerIdentity,
        encoder: EncoderConfig | None,
        geometry: ImageGeometry | None,
        *,
        z_loss: float,
        mask_documents: bool,
        end_opens: bool = True,
        shapes: Shapes | None = None,
    ) -> None:
        super().__init__()
        self.end_of_text_id, self.image_id = tokenizer.end_of_text_id, tokenizer.image_id
        self.z_loss, self.mask_documents, self.end_opens = z_loss, mask_documents, end_opens
        self.geometry = geometry
        self.lockstep = False
        """Whether ranks gather the image side's weights together: then it runs even where there is no image."""
        self.decoder = Decoder(decoder, tokenizer.embedding_rows)
        self.encoder = None
        self.projector = None
        if geometry is not None:
            self.encoder = build_encoder(encoder or EncoderConfig(), geometry, shapes)
            self.projector = Projector(self.encoder.width, decoder.width, INITIAL_STD)

    @classmethod
    def of(
        cls,
        config: ModelConfig,
        tokenizer: TokenizerIdentity,
        geometry: ImageGeometry | None,
        shapes: Shapes | None = None,
    ) -> VisionLanguageModel:
        """The model that `config` describes; without a geometry it has no image side.

        For what takes its weights from a checkpoint, `shapes` are that checkpoint's: towers are then not loaded.
        """
        return cls(
            config.shape,
            tokenizer,
            config.encoder if geometry is not None else None,
            geometry,
            z_loss=config.z_loss,
            mask_documents=config.mask_documents,
            end_opens=config.end_of_text != "closes",
            shapes=shapes,
        )

    @property
    def shapes(self) -> dict[str, dict[str, Any]]:
        """Returns what rebuilds pre-trained towers, but for their weights."""
        return self.encoder.shapes if self.encoder is not None else {}

    def blocks(self) -> list[nn.Module]:
        """The layers that are compiled, recomputed and sharded one by one, in the order in which they run."""
        return [*(self.encoder.layers() if self.encoder is not None else ()), *self.decoder.layers]

    def hidden(self, input_ids_BL: Tensor, pixels_NCHW: Tensor, *, prompts: bool = False) -> Tensor:
        """Decoder states [B, L, D]; `pixels` holds all images of the rows in reading order (N may be 0).

        `prompts` says that L changes from call to call.
        """
        x_BLD = self.decoder.embed_tokens(input_ids_BL)
        if self.encoder is not None:
            x_BLD = self._with_images(x_BLD, input_ids_BL == self.image_id, pixels_NCHW)
        documents_BL = document_ids(input_ids_BL, self.end_of_text_id, opens=self.end_opens)
        if not self.mask_documents:
            documents_BL = torch.zeros_like(documents_BL)
        mask = document_mask(documents_BL, prompts=prompts) if self.mask_documents else None
        return self.decoder(x_BLD, positions(documents_BL), mask)

    def _with_images(self, x_BLD: Tensor, is_image_BL: Tensor, pixels_NCHW: Tensor) -> Tensor:
        assert self.encoder is not None
        assert self.projector is not None
        assert self.geometry is not None
        if pixels_NCHW.shape[0] == 0:
            if not self.lockstep:
                idle: Tensor = _Idle.apply(x_BLD, *self.encoder.parameters(), *self.projector.parameters())  # type: ignore[no-untyped-call]
                return idle
            black = pixels_NCHW.new_zeros(1, 3, self.geometry.size, self.geometry.size)
            return x_BLD + self.projector(self.encoder(black)).sum() * 0.0
        features_TD = self.projector(self.encoder(pixels_NCHW)).flatten(0, 1).to(x_BLD.dtype)
        # Which feature each position takes: no masked assignment, which would make a GPU wait for the count.
        index_BL = (is_image_BL.flatten().cumsum(0) - 1).clamp(min=0).view_as(is_image_BL)
        return torch.where(is_image_BL[..., None], features_TD[index_BL], x_BLD)

    def forward(self, batch: Batch) -> Outputs:
        hidden_BLD = self.hidden(batch["input_ids"], batch["pixels"])
        bearing_ND = hidden_BLD.flatten(0, 1)[batch["loss_index"]]
        loss, nll = cross_entropy(bearing_ND, self.decoder.head_weight, batch["loss_targets"], self.z_loss)
        return Outputs(loss, nll.detach())

    def loss(self, outputs: Outputs, batch: Batch, *args: Any, **kwargs: Any) -> Tensor:
        """Composer's second half of `forward`; the work is done there, inside DDP's and FSDP's hooks."""
        return outputs.loss

    def logits(self, input_ids_BL: Tensor, pixels_NCHW: Tensor) -> Tensor:
        """Scores [B, L, vocabulary] in fp32, of prompts of any length."""
        return self.decoder.logits(self.hidden(input_ids_BL, pixels_NCHW, prompts=True))
