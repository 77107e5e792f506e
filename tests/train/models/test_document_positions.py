"""Document ids and positions against a loop that reads tokens one by one."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from train.models.document_positions import document_ids, positions

END = 0


@given(st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=1, max_size=4), st.booleans())
def test_against_a_loop(rows, opens):
    tokens = torch.tensor(rows)
    documents = document_ids(tokens, END, opens=opens)
    places = positions(documents)
    for row, row_documents, row_places in zip(rows, documents.tolist(), places.tolist(), strict=True):
        document = place = 0
        for column, (token, seen) in enumerate(zip(row, zip(row_documents, row_places, strict=True), strict=True)):
            if token == END and opens:
                document, place = document + 1, 0
            assert seen == (document, place), column
            document, place = (document + 1, 0) if token == END and not opens else (document, place + 1)


def test_the_end_of_a_text_begins_the_next_one():
    tokens = torch.tensor([[5, 6, END, 7, 8, END, 9]])
    assert document_ids(tokens, END).tolist() == [[0, 0, 1, 1, 1, 2, 2]]
    assert positions(document_ids(tokens, END)).tolist() == [[0, 1, 0, 1, 2, 0, 1]]
    assert document_ids(tokens, END, opens=False).tolist() == [[0, 0, 0, 1, 1, 1, 2]]
