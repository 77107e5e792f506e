"""Normalises answers as VQA v2's official script does, the common ground of three benchmarks.

Punctuation goes, number words become digits, articles go, and apostrophes that were left out come back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COUNTING = "zero one two three four five six seven eight nine ten"
_NUMBERS = {word: str(number) for number, word in enumerate(_COUNTING.split())} | {"none": "0"}
_ARTICLES = {"a", "an", "the"}
_PERIOD = re.compile(r"\.(?!\d)")
"""A full stop that does not begin a fraction."""
_PERIODS = int(re.UNICODE)
"""At most so many full stops go: the official script hands `re.UNICODE` to `sub` where the count stands."""
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
RESTORED: Mapping[str, str] = {
    word[:place] + word[place + 1 :]: word
    for word in _APOSTROPHES.split()
    for place, sign in enumerate(word)
    if sign == "'"
} | {"somebody'd": "somebodyd"}  # the official table has this one the wrong way round
_TYPEWRITTEN = {"aint", "arent", "cant", "couldve", "couldnt", "weve", "wheres", "whove"}
TYPOGRAPHIC: Mapping[str, str] = {
    word if word in ("couldn'tve", "hadn'tve") else word.replace("'", "’"): restored.replace("'", "’")
    for word, restored in RESTORED.items()
    if word not in _TYPEWRITTEN
} | {word: RESTORED[word] for word in _TYPEWRITTEN}
"""The table as VizWiz's API has it: most of its apostrophes are typographic, so that few words are ever restored."""


def plain(answer: str) -> str:
    """An answer without line breaks, tabs and surrounding blanks."""
    return answer.replace("\n", " ").replace("\t", " ").strip()


def normalise(answer: str, restored: Mapping[str, str] = RESTORED) -> str:
    """An answer as the official evaluation compares it; `restored` is the table of contractions."""
    words = without_punctuation(plain(answer)).lower().split()
    numbered = (_NUMBERS.get(word, word) for word in words)
    return " ".join(restored.get(word, word) for word in numbered if word not in _ARTICLES)


def without_punctuation(text: str) -> str:
    """A sign vanishes where it stands at a word's edge (or a number has a comma), and becomes a space elsewhere."""
    found = text
    thousands = _THOUSANDS.search(text) is not None
    for sign in _PUNCTUATION:
        at_an_edge = f"{sign} " in text or f" {sign}" in text
        found = found.replace(sign, "" if at_an_edge or thousands else " ")
    return _PERIOD.sub("", found, count=_PERIODS)
