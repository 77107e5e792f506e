"""Finds where documents begin and end inside a packed sequence.

In the data an `end_of_text_id` follows every document, so boundaries need not be stored: they are counted. To the model
that id opens the next document: the last token of a document predicts it, and it alone predicts how documents begin,
as in a text that is scored with nothing before it. (It once closed its own document, and was trained on a first token
that this document cannot tell.) Positions restart with each document, so what a document sees does not depend on where
packing happened to put it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def document_ids(tokens_BL: Tensor, end_of_text_id: int, *, opens: bool = True) -> Tensor:
    """Number of the document that each token belongs to, from 0 (1 if the row begins with an end-of-text).

    Args:
        opens: whether an end-of-text belongs to the document that it opens, or to the one that it closes.

    Returns:
        int64, same shape.
    """
    ends_BL = (tokens_BL == end_of_text_id).long()
    count_BL = ends_BL.cumsum(dim=1)
    return count_BL if opens else count_BL - ends_BL


def positions(documents_BL: Tensor) -> Tensor:
    """Position of each token inside its document, from 0; int64, same shape."""
    index_L = torch.arange(documents_BL.shape[1], device=documents_BL.device)
    starts_BL = torch.ones_like(documents_BL, dtype=torch.bool)
    starts_BL[:, 1:] = documents_BL[:, 1:] != documents_BL[:, :-1]
    first_BL = torch.where(starts_BL, index_L, 0).cummax(dim=1).values
    return index_L - first_BL
