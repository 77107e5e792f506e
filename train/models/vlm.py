"""Defines the vision-language model as Composer sees it: a micro-batch in, the loss of its tokens out.

Image features replace the embeddings of the placeholder ids, image after image in reading order. Where a micro-batch
has no images, the image side does not run, and DDP is told that its parameters have no gradient, so that it does not
wait for one; a rank without images adds nothing to the others' sum. With FSDP the image side has to run, on one black
image with weight zero, because ranks gather its weights together; it rests in steps in which no rank may have an image.
(The trainer drops gradients of a step that has no image at all before the optimizer, so that weight decay does not wear
an idle encoder down.)
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
from train.models.loss import CHUNK, cross_entropy
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
        self.loss_chunk = CHUNK
        """Tokens whose logits exist at a time."""
        self.lockstep = False
        """Whether ranks gather the image side's weights together: then it runs even where there is no image."""
        self.images_due = True
        """Whether any rank may have an image in this step; else the image side rests on all of them."""
        self.frozen: frozenset[str] = frozenset()
        """Parts that this step does not train: a frozen encoder runs without backward."""
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
        if torch.is_autocast_enabled(x_BLD.device.type):  # the residual stream is in the products' type, as with FSDP
            x_BLD = x_BLD.to(torch.get_autocast_dtype(x_BLD.device.type))
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
        rests = pixels_NCHW.shape[0] == 0
        if rests and (not self.lockstep or (self.training and not self.images_due)):
            return self._idle(x_BLD, self.encoder, self.projector)
        if rests:
            pixels_NCHW = pixels_NCHW.new_zeros(1, 3, self.geometry.size, self.geometry.size)
        frozen = self.training and "encoder" in self.frozen
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            features = self.encoder(pixels_NCHW)
        if frozen:
            x_BLD = self._idle(x_BLD, self.encoder)
        if rests:
            return x_BLD + self.projector(features).sum() * 0.0
        features_TD = self.projector(features).flatten(0, 1).to(x_BLD.dtype)
        # Places of the features, in order: a stable sort puts them first. Neither a masked assignment, which would make
        # a GPU wait for the count, nor a gather, whose backward adds up duplicates one after another.
        places_T = torch.argsort((~is_image_BL).flatten(), stable=True)[: features_TD.shape[0]]
        return x_BLD.flatten(0, 1).index_copy(0, places_T, features_TD).view_as(x_BLD)

    def _idle(self, x_BLD: Tensor, *parts: nn.Module) -> Tensor:
        """`x_BLD`; DDP hears that the parameters of `parts` have no gradient. FSDP does not wait for any."""
        if self.lockstep:
            return x_BLD
        idle: Tensor = _Idle.apply(x_BLD, *(p for part in parts for p in part.parameters()))  # type: ignore[no-untyped-call]
        return idle

    def forward(self, batch: Batch) -> Outputs:
        hidden_BLD = self.hidden(batch["input_ids"], batch["pixels"])
        bearing_ND = hidden_BLD.flatten(0, 1)[batch["loss_index"]]
        head_VD, targets = self.decoder.head_weight, batch["loss_targets"]
        loss, nll = cross_entropy(bearing_ND, head_VD, targets, self.z_loss, self.loss_chunk)
        return Outputs(loss, nll.detach())

    def loss(self, outputs: Outputs, batch: Batch, *args: Any, **kwargs: Any) -> Tensor:
        """Composer's second half of `forward`; the work is done there, inside DDP's and FSDP's hooks."""
        return outputs.loss

    def logits(self, input_ids_BL: Tensor, pixels_NCHW: Tensor) -> Tensor:
        """Scores [B, L, vocabulary] in fp32, of prompts of any length."""
        return self.decoder.logits(self.hidden(input_ids_BL, pixels_NCHW, prompts=True))
