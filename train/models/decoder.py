"""Defines a decoder whose modules and names are Hugging Face's `llama` and `qwen3`, so that export is a renaming.

It is written out here, not imported, because training wants what those classes do not offer: masks for packed
documents on every device, embeddings handed in with image features already in place, and hidden states handed to a
loss that never makes the full logits. Shapes: B rows, L tokens, D width, N heads, K key/value heads, H head width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from train.config.decoder_config import DecoderConfig
from train.models.attention import Mask, attend
from train.models.rope import RotaryPositions, rotate

INITIAL_STD = 0.02


class Attention(nn.Module):
    """Self-attention with rotary positions; `qwen3` normalises queries and keys per head first."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.head_width = config.head_width
        self.flash = False
        """Attend by FlashAttention 4 (`train.models.attention`)."""
        self.q_proj = nn.Linear(config.width, config.heads * config.head_width, bias=False)
        self.k_proj = nn.Linear(config.width, config.kv_heads * config.head_width, bias=False)
        self.v_proj = nn.Linear(config.width, config.kv_heads * config.head_width, bias=False)
        self.o_proj = nn.Linear(config.heads * config.head_width, config.width, bias=False)
        self.q_norm: nn.Module | None = None
        self.k_norm: nn.Module | None = None
        if config.family == "qwen3":
            self.q_norm = nn.RMSNorm(config.head_width, eps=config.norm_eps)
            self.k_norm = nn.RMSNorm(config.head_width, eps=config.norm_eps)

    def forward(self, x_BLD: Tensor, cosine: Tensor, sine: Tensor, mask: Mask) -> Tensor:
        rows, length, _ = x_BLD.shape
        q_BLNH = self.q_proj(x_BLD).view(rows, length, -1, self.head_width)
        k_BLKH = self.k_proj(x_BLD).view(rows, length, -1, self.head_width)
        v_BLKH = self.v_proj(x_BLD).view(rows, length, -1, self.head_width)
        if self.q_norm is not None and self.k_norm is not None:
            q_BLNH, k_BLKH = self.q_norm(q_BLNH), self.k_norm(k_BLKH)
        q_BNLH = rotate(q_BLNH.transpose(1, 2), cosine, sine)
        k_BKLH = rotate(k_BLKH.transpose(1, 2), cosine, sine)
        out_BNLH = attend(q_BNLH, k_BKLH, v_BLKH.transpose(1, 2), mask, flash=self.flash)
        return self.o_proj(out_BNLH.transpose(1, 2).reshape(rows, length, -1))


class SwiGLU(nn.Module):
    """The gated feed-forward layer."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.up_proj = nn.Linear(config.width, config.mlp_width, bias=False)
        self.down_proj = nn.Linear(config.mlp_width, config.width, bias=False)
        self.fused = False
        """Make gate and up in one product, their weights side by side: compiled, it moves fewer bytes."""

    def forward(self, x_BLD: Tensor) -> Tensor:
        if self.fused:
            weight_MD = torch.cat([self.gate_proj.weight, self.up_proj.weight])
            gate_BLM, up_BLM = functional.linear(x_BLD, weight_MD).chunk(2, dim=-1)
        else:
            gate_BLM, up_BLM = self.gate_proj(x_BLD), self.up_proj(x_BLD)
        return self.down_proj(functional.silu(gate_BLM) * up_BLM)


class Block(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.mlp = SwiGLU(config)
        self.recompute = False
        """Keep only the input for backward and compute the rest again: less memory, a third more work."""

    def forward(self, x_BLD: Tensor, cosine: Tensor, sine: Tensor, mask: Mask) -> Tensor:
        if self.recompute and self.training and torch.is_grad_enabled():
            # Inside the block, so that FSDP's hooks stand outside: its weights are gathered once for both passes.
            return checkpoint(self._forward, x_BLD, cosine, sine, mask, use_reentrant=False)
        return self._forward(x_BLD, cosine, sine, mask)

    def _forward(self, x_BLD: Tensor, cosine: Tensor, sine: Tensor, mask: Mask) -> Tensor:
        x_BLD = x_BLD + self.self_attn(self.input_layernorm(x_BLD), cosine, sine, mask)
        return x_BLD + self.mlp(self.post_attention_layernorm(x_BLD))


class Decoder(nn.Module):
    """Embeddings, blocks and final norm; `head_weight` is the output embedding, applied by the loss."""

    def __init__(self, config: DecoderConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(vocabulary_size, config.width)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_eps)
        self.lm_head: nn.Linear | None = None if config.tied else nn.Linear(config.width, vocabulary_size, bias=False)
        self.rotary = RotaryPositions(config.head_width, config.rope_theta)
        self.initialise()

    def initialise(self) -> None:
        """Normal weights of deviation 0.02; the layers that write to the residual stream start smaller with depth."""
        writes = ("o_proj.weight", "down_proj.weight")
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                continue
            std = INITIAL_STD / (2 * self.config.layers) ** 0.5 if name.endswith(writes) else INITIAL_STD
            nn.init.normal_(parameter, std=std)

    @property
    def head_weight(self) -> Tensor:
        """Output embedding [vocabulary, D]."""
        return self.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    def forward(self, embeddings_BLD: Tensor, positions_BL: Tensor, mask: Mask) -> Tensor:
        """Hidden states after the final norm, [B, L, D]."""
        cosine, sine = self.rotary(positions_BL)
        x_BLD = embeddings_BLD
        for block in self.layers:
            x_BLD = block(x_BLD, cosine, sine, mask)
        return self.norm(x_BLD)

    def logits(self, hidden_BLD: Tensor) -> Tensor:
        """Scores [B, L, vocabulary] in fp32; for evaluation and tests, never in training."""
        return torch.matmul(hidden_BLD, self.head_weight.t().to(hidden_BLD.dtype)).float()
