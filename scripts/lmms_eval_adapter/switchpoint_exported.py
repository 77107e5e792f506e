"""Asks an export as `python -m train evaluate` asks its checkpoint; needs the export, transformers and xxhash alone.

Prompts are built by the export's own chat template, pixels by its own processor. Answers are greedy and end where the
model's conversations end an answer: at an id that the export names, or at a line break where it names none for that
(conversations of version 1, whose only end id is the end of text).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import xxhash
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

Question = tuple[str, list[Image.Image]]
"""A text and the pictures before it."""


class Exported:
    """A loaded export; `until` is a further text that ends every answer (None: as the conversations say)."""

    def __init__(self, path: str, device: str, *, until: str | None = None, trust_remote_code: bool = False) -> None:
        check(Path(path))
        how = {"trust_remote_code": trust_remote_code, "local_files_only": True}
        self.processor = AutoProcessor.from_pretrained(path, **how)
        self.processor.tokenizer.padding_side = "left"
        model = AutoModelForImageTextToText.from_pretrained(path, dtype="auto", **how)
        self.model, self.device = model.to(device).eval(), device
        ends = model.generation_config.eos_token_id
        has_turns = isinstance(ends, list) and len(ends) > 1
        own = "" if has_turns else "\n"
        self.until = [text] if (text := own if until is None else until) else []

    @torch.inference_mode()
    def answers(self, questions: Sequence[Question], longest: int, until: Sequence[str] = ()) -> list[str]:
        """Greedy answers without surrounding blanks; all of the questions have pictures, or none has."""
        inputs = self._inputs(questions)
        made = self.model.generate(**inputs, max_new_tokens=longest, do_sample=False)
        texts = self.processor.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return [cut(text, [*until, *self.until]) for text in texts]

    @torch.inference_mode()
    def likelihood(self, question: Question, said: str) -> tuple[float, bool]:
        """Log-probability of the answer `said` in nats, its end not counted, and whether it is the greedy one."""
        inputs = self._inputs([question])
        ids = self.processor.tokenizer(f" {said.strip()}", add_special_tokens=False, return_tensors="pt").input_ids
        ids = ids.to(self.device)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], ids], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        found = self.model(**inputs).logits[0, -ids.shape[1] - 1 : -1].float().log_softmax(-1)
        total = float(found.gather(1, ids[0][:, None]).sum())
        return total, bool((found.argmax(-1) == ids[0]).all())

    def _inputs(self, questions: Sequence[Question]) -> Any:
        images = [one for _, shown in questions for one in shown]
        found = self.processor(
            images=images or None, text=[self._prompt(one) for one in questions], padding=True, return_tensors="pt"
        ).to(self.device)
        if images:
            found["pixel_values"] = found["pixel_values"].to(self.model.dtype)
        return found

    def _prompt(self, question: Question) -> str:
        text, images = question
        if "<image>" in text:  # some tasks write the placeholder, which the template does
            text = text.replace("<image>", "").strip()
        content = [*({"type": "image"} for _ in images), {"type": "text", "text": text}]
        messages = [{"role": "user", "content": content}]
        return str(self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def check(path: Path) -> None:
    """Compares the files of the export at `path` with the digests in its `switchpoint.json`; older ones have none.

    Raises:
        ValueError: a file is missing or another one.
    """
    description = path / "switchpoint.json"
    if not description.is_file():
        return
    for name, digest in (json.loads(description.read_bytes()).get("digests") or {}).items():
        if name != "README.md" and not ((path / name).is_file() and _digest(path / name) == digest):
            raise ValueError(f"{path}: {name} is not the file that was exported: copy the folder anew, or export again")


def _digest(file: Path) -> str:
    state = xxhash.xxh3_128()
    with file.open("rb") as content:
        while block := content.read(1 << 22):
            state.update(block)
    return state.hexdigest()


def cut(text: str, stops: Sequence[str]) -> str:
    """The text before the first of `stops`, blanks at the start not counted."""
    text = text.lstrip()
    for stop in filter(None, stops):
        text = text.split(stop)[0]
    return text.strip()
