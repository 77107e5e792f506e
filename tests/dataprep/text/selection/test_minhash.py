from __future__ import annotations

import numpy as np
import pytest

from dataprep.text.selection import minhash
from dataprep.text.selection.ngrams import ngrams


def pair(similarity: float, size: int, rng: np.random.Generator) -> tuple[str, str]:
    """Texts of `size` different words each, of which so many are common that their Jaccard similarity is as given."""
    common = round(2 * size * similarity / (1 + similarity))
    words = [f"w{number}" for number in rng.integers(0, 1 << 60, 2 * size - common)]
    return " ".join(words[:size]), " ".join(words[size - common :])


@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8, 0.95])
def test_equal_minima_are_as_likely_as_the_documents_are_alike(similarity: float) -> None:
    rng = np.random.default_rng(5)
    texts = [text for _ in range(100) for text in pair(similarity, 400, rng)]
    found = minhash.signatures(ngrams(texts, 1), 112)
    share = float((found[::2] == found[1::2]).mean())
    assert share == pytest.approx(similarity, abs=4 * np.sqrt(similarity * (1 - similarity) / (100 * 112)) + 0.005)


@pytest.mark.parametrize(("similarity", "size"), [(0.5, 300), (0.7, 300), (0.85, 300)])
def test_pairs_meet_with_the_probability_that_the_docs_promise(similarity: float, size: int) -> None:
    rng = np.random.default_rng(6)
    texts = [text for _ in range(300) for text in pair(similarity, size, rng)]
    keys = np.stack([one for one in minhash.bands(texts, n=1, bands=14, rows=8) if one is not None])
    met = float((keys[::2] == keys[1::2]).any(axis=1).mean())
    expected = 1 - (1 - similarity**8) ** 14
    assert met == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 300) + 0.02)


def test_signatures_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    texts = ["", "one", "?!", *(" ".join(map(str, rng.integers(0, 50, size))) for size in (3, 500, 1, 0, 40, 2000))]
    whole = minhash.bands(texts, n=5, bands=3, rows=2)
    monkeypatch.setattr(minhash, "CHUNK", 64)
    for text, together, alone in zip(texts, whole, minhash.bands(texts, n=5, bands=3, rows=2), strict=True):
        single = minhash.bands([text], n=5, bands=3, rows=2)[0]
        assert (together is None) == (text in ("", "?!"))
        np.testing.assert_array_equal(together, single)
        np.testing.assert_array_equal(alone, single)
    assert len(set(whole[4].tolist())) == 3, "bands have keys of their own"  # type: ignore[union-attr]
