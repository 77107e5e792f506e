"""Soft accuracy of open answers, as VQAv2, VizWiz and TextVQA define it.

Ten people answered. An answer is right to the degree min(1, n / 3) that n people gave it, averaged over the ten subsets
that leave one person out (Antol et al., ICCV 2015; the official `vqaEval.py`). Before they are compared, answers are
normalised: punctuation goes, number words become digits, articles go, and apostrophes that were left out come back.
Prediction and people's answers are normalised alike, unanimous ones too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COUNTING = "zero one two three four five six seven eight nine ten"
_NUMBERS = {word: str(number) for number, word in enumerate(_COUNTING.split())} | {"none": "0"}
_ARTICLES = {"a", "an", "the"}
_PERIOD = re.compile(r"\.(?!\d)")
"""A full stop that does not begin a fraction."""
_THOUSANDS = re.compile(r"\d,\d")
_APOSTROPHES = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've he's
how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock
oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd
someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've there're there's
they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's
where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've
y'all y'all'll y'all'd've you'd you'd've you'll you're you've
"""
"""The words that the official table restores; a key of that table is a word with one of its apostrophes missing."""
_RESTORED = {
    word[:place] + word[place + 1 :]: word
    for word in _APOSTROPHES.split()
    for place, sign in enumerate(word)
    if sign == "'"
} | {"somebody'd": "somebodyd"}  # the official table has this one the wrong way round


def normalise(answer: str) -> str:
    """An answer as the official evaluation compares it."""
    words = _without_punctuation(answer.replace("\n", " ").replace("\t", " ").strip()).lower().split()
    numbered = (_NUMBERS.get(word, word) for word in words)
    return " ".join(_RESTORED.get(word, word) for word in numbered if word not in _ARTICLES)


def _without_punctuation(text: str) -> str:
    """A sign vanishes where it stands at a word's edge (or a number has a comma), and becomes a space elsewhere."""
    found = text
    thousands = _THOUSANDS.search(text) is not None
    for sign in _PUNCTUATION:
        at_an_edge = f"{sign} " in text or f" {sign}" in text
        found = found.replace(sign, "" if at_an_edge or thousands else " ")
    return _PERIOD.sub("", found)


def soft_accuracy(prediction: str, answers: Sequence[str]) -> float:
    """Degree, 0 to 1, to which `prediction` is what the people said."""
    given = normalise(prediction)
    same = [normalise(answer) == given for answer in answers]
    count = sum(same)
    return sum(min(1.0, (count - one) / 3) for one in same) / len(same)
