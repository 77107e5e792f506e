"""Finds where documents begin and end inside a packed sequence.

Every document of the data contract ends in `end_of_text_id`, so boundaries need not be stored: they are counted.
Positions restart with each document, so what a document sees does not depend on where packing happened to put it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def document_ids(tokens_BL: Tensor, end_of_text_id: int) -> Tensor:
    """Number of the document that each token belongs to, from 0; int64, same shape. An end-of-text closes its own."""
    ends_BL = (tokens_BL == end_of_text_id).long()
    return ends_BL.cumsum(dim=1) - ends_BL


def positions(documents_BL: Tensor) -> Tensor:
    """Position of each token inside its document, from 0; int64, same shape."""
    index_L = torch.arange(documents_BL.shape[1], device=documents_BL.device)
    starts_BL = torch.ones_like(documents_BL, dtype=torch.bool)
    starts_BL[:, 1:] = documents_BL[:, 1:] != documents_BL[:, :-1]
    first_BL = torch.where(starts_BL, index_L, 0).cummax(dim=1).values
    return index_L - first_BL
