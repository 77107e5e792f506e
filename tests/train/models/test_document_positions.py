"""Document ids and positions against a loop that reads tokens one by one."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from train.models.document_positions import document_ids, positions

END = 0


@given(st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=1, max_size=4))
def test_against_a_loop(rows):
    tokens = torch.tensor(rows)
    documents = document_ids(tokens, END)
    places = positions(documents)
    for row, row_documents, row_places in zip(rows, documents.tolist(), places.tolist(), strict=True):
        document = place = 0
        for token, seen_document, seen_place in zip(row, row_documents, row_places, strict=True):
            assert (seen_document, seen_place) == (document, place)
            document, place = (document + 1, 0) if token == END else (document, place + 1)
