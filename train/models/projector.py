"""Maps an encoder's features to the decoder's embedding space: a two-layer MLP, as in LLaVA-1.5."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Projector(nn.Module):
    """Features [..., feature width] to embeddings [..., decoder width]."""

    def __init__(self, feature_width: int, decoder_width: int, output_std: float) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(feature_width, decoder_width)
        self.linear_2 = nn.Linear(decoder_width, decoder_width)
        # Image tokens should enter at the scale of word embeddings, or they drown the text at the switch.
        nn.init.normal_(self.linear_2.weight, std=output_std)
        nn.init.zeros_(self.linear_2.bias)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear_2(functional.gelu(self.linear_1(features)))
