"""Turns a row into questions and answers, and these into texts in the format of `schemas.conversation_format`.

The image block stands before everything, whether the marker `<image>` was written before or after the first question.
Loss is borne by " {answer}", by the end of turn that closes it, and by the end of text after the last one, where a
program stops that knows no end of turn. Prompt and answer are encoded apart, so that the ids of a prompt are those that
evaluation gives the model.

A row that breaks the format's rules is rejected with a reason; nothing is repaired by guessing, but for the leading
non-human turn that LLaVA's own reader drops.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dataprep.engine.rejects import RejectError
from schemas.conversation_format import answer, prompt

MARKER = "<image>"
_LEADING = re.compile(rf"(?:\s*{MARKER})+\s*")
_TRAILING = re.compile(rf"\s*(?:{MARKER[::-1]}\s*)+")
"""Of the reversed text: searching for it from the front takes the square of a long run of blanks."""
_MAX_PATH, _MAX_NAME = 1024, 255  # bytes: of a key in a store, of a name in a directory
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Conversation:
    """A row that keeps the rules."""

    name: str
    images: tuple[str, ...]
    """Paths below the image root."""
    rounds: tuple[tuple[str, str], ...]
    """(question, answer) pairs, without markers."""

    @property
    def segments(self) -> list[tuple[str, bool]]:
        """Prompts and answers after the image block, as (text, whether it is an answer); each is encoded by itself."""
        texts = [((prompt(asked), False), (answer(said), True)) for asked, said in self.rounds]
        return [one for pair in texts for one in pair]


def conversation(row: Any, name: str) -> Conversation:
    """The conversation in `row`, a parsed JSON value.

    Raises:
        RejectError: bad_row, turns_do_not_alternate, empty_turn, marker_without_image, image_without_marker,
            more_markers_than_images, more_images_than_markers, marker_misplaced.
    """
    if not isinstance(row, dict):
        raise RejectError("bad_row", f"{type(row).__name__} instead of an object")
    images = _images(row.get("image"))
    turns = _turns(row.get("conversations"))
    markers = sum(text.count(MARKER) for _, text in turns)
    _check_markers(markers, len(images))
    values = [text for _, text in turns]
    if markers:
        values[0], found = _without_markers(values[0])
        if found != markers:
            raise RejectError("marker_misplaced", "not at the start or end of the first human turn")
    values = [value.strip() for value in values]
    if not all(values):
        raise RejectError("empty_turn", f"turn {values.index('')}")
    return Conversation(name, images, tuple(zip(values[::2], values[1::2], strict=True)))


def _images(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) and one for one in listed):
        raise RejectError("bad_row", "`image` is neither a path nor a list of paths")
    return tuple(listed)


def _turns(value: Any) -> list[tuple[str, str]]:
    """(speaker, text) turns: human and gpt in turn, human first, gpt last."""
    if not isinstance(value, list):
        raise RejectError("bad_row", "`conversations` is not a list")
    turns = []
    for turn in value:
        if not (isinstance(turn, dict) and isinstance(turn.get("value"), str) and isinstance(turn.get("from"), str)):
            raise RejectError("bad_row", "a turn is no object with `from` and `value`")
        turns.append((turn["from"], clean(turn["value"])))
    if turns and turns[0][0] != "human":
        turns = turns[1:]
    speakers = [speaker for speaker, _ in turns]
    if not turns or speakers != ["human", "gpt"] * (len(turns) // 2):
        raise RejectError("turns_do_not_alternate", ", ".join(speakers[:8]) or "no human turn")
    return turns


def _check_markers(markers: int, images: int) -> None:
    if markers and not images:
        raise RejectError("marker_without_image", f"{markers} markers")
    if images and not markers:
        raise RejectError("image_without_marker", f"{images} images")
    if markers != images:
        more = "more_markers_than_images" if markers > images else "more_images_than_markers"
        raise RejectError(more, f"{markers} markers, {images} images")


def _without_markers(text: str) -> tuple[str, int]:
    """`text` without the markers at its start and end, and how many there were."""
    rest = text
    if leading := _LEADING.match(rest):
        rest = rest[leading.end() :]
    if trailing := _TRAILING.match(rest[::-1]):
        rest = rest[: len(rest) - trailing.end()]
    return rest, text.count(MARKER) - rest.count(MARKER)


def clean(text: str) -> str:
    """`text` as valid Unicode with plain line breaks; other controls (NUL among them) become spaces."""
    valid = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub(" ", valid)


def image_path(path: str) -> str:
    """`path`, if it stays below the image root. Raises RejectError(unsafe_image_path)."""
    parts: Sequence[str] = path.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or ":" in parts[0] or "\0" in path:
        raise RejectError("unsafe_image_path", path)
    if len(path.encode()) > _MAX_PATH or any(len(part.encode()) > _MAX_NAME for part in parts):
        raise RejectError("unsafe_image_path", f"{path[:80]}... is longer than any file system or store allows")
    return path
