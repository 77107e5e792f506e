"""Runs exports as the model `switchpoint` of lmms-eval: captioning, OCR, MMMU and whatever else that harness has.

It needs the export and transformers alone, so it is installed beside lmms-eval in an environment of its own:

    pip install scripts/lmms_eval_adapter
    python -m lmms_eval --model switchpoint --model_args pretrained=exported,trust_remote_code=True --tasks textcaps_val

Prompts are built by the export's own chat template, pixels by its own processor. Answers are greedy and end with the
model's end id, where the task says, or at `until` (a line break by default, which closes an answer in training's
conversations; `until=` leaves it out).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

MANIFEST = ModelManifest(model_id="switchpoint", simple_class_path="switchpoint_lmms_eval.SwitchpointModel")
LONGEST_ANSWER = 256


class SwitchpointModel(lmms):
    """An exported model; `trust_remote_code=True` for exports that bring code of their own."""

    is_simple = True

    def __init__(self, pretrained: str, batch_size: int | str = 1, device: str | None = None, until: str = "\n",
                 trust_remote_code: bool = False, **kwargs: Any) -> None:  # fmt: skip
        super().__init__()
        if kwargs:
            raise ValueError(f"unknown model arguments: {', '.join(kwargs)}")
        self._size, self._until = int(batch_size), [until.replace("\\n", "\n")] if until else []
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        how = {"trust_remote_code": trust_remote_code, "local_files_only": True}
        self._processor = AutoProcessor.from_pretrained(pretrained, **how)
        self._processor.tokenizer.padding_side = "left"
        model = AutoModelForImageTextToText.from_pretrained(pretrained, dtype="auto", **how)
        self._model = model.to(self._device).eval()

    @torch.inference_mode()
    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Greedy answers, in the requests' order."""
        answers = [""] * len(requests)
        for arguments, batch in self._batches(requests):
            inputs = self._inputs([self._message(requests[n], *requests[n].args[2:]) for n in batch])
            longest = int(arguments.get("max_new_tokens", LONGEST_ANSWER))
            made = self._model.generate(**inputs, max_new_tokens=longest, do_sample=False)
            until = arguments.get("until") or []
            stops = [*([until] if isinstance(until, str) else until), *self._until]
            texts = self._processor.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
            for number, text in zip(batch, texts, strict=True):
                answers[number] = _cut(text, stops)
        return answers

    @torch.inference_mode()
    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Sum of log-probabilities of each continuation, and whether it is what the model would say."""
        return [self._likelihood(request) for request in requests]

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Not offered: no task that these models are trained for has several rounds."""
        raise NotImplementedError("tasks of several rounds are not supported")

    def _likelihood(self, request: Instance) -> tuple[float, bool]:
        _, target, *rest = request.args
        document = self.task_dict[rest[2]][rest[3]][rest[1]]
        said = target if isinstance(target, str) else target(document)
        inputs = self._inputs([self._message(request, *rest)])
        ids = self._processor.tokenizer(f" {said.strip()}", add_special_tokens=False, return_tensors="pt").input_ids
        ids = ids.to(self._device)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], ids], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        found = self._model(**inputs).logits[0, -ids.shape[1] - 1 : -1].float().log_softmax(-1)
        total = float(found.gather(1, ids[0][:, None]).sum())
        return total, bool((found.argmax(-1) == ids[0]).all())

    def _batches(self, requests: list[Instance]) -> Iterator[tuple[dict[str, Any], list[int]]]:
        """Request numbers that share their generation arguments and whether they have images."""
        alike: defaultdict[str, list[int]] = defaultdict(list)
        for number, request in enumerate(requests):
            alike[f"{sorted(request.args[1].items())} {bool(self._images(*request.args[2:]))}"].append(number)
        for group in alike.values():
            for start in range(0, len(group), self._size):
                part = group[start : start + self._size]
                yield dict(requests[part[0]].args[1]), part

    def _images(self, visual: Any, number: int, task: str, split: str) -> list[Image.Image]:
        found = visual(self.task_dict[task][split][number]) or []
        if not all(isinstance(one, Image.Image) for one in found):
            raise ValueError(f"task '{task}' shows something other than images")
        return [one.convert("RGB") for one in found]

    def _message(self, request: Instance, visual: Any, number: int, task: str, split: str) -> tuple[str, list[Any]]:
        """Prompt by the chat template, and its images."""
        images = self._images(visual, number, task, split)
        text = str(request.args[0])
        if "<image>" in text:  # some tasks write the placeholder, which the template does
            text = text.replace("<image>", "").strip()
        content = [*({"type": "image"} for _ in images), {"type": "text", "text": text}]
        messages = [{"role": "user", "content": content}]
        return self._processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False), images

    def _inputs(self, messages: Sequence[tuple[str, list[Any]]]) -> Any:
        images = [one for _, shown in messages for one in shown]
        texts = [text for text, _ in messages]
        found = self._processor(images=images or None, text=texts, padding=True, return_tensors="pt")
        found = found.to(self._device)
        if images:
            found["pixel_values"] = found["pixel_values"].to(self._model.dtype)
        return found


def _cut(text: str, stops: Sequence[str]) -> str:
    text = text.lstrip()
    for stop in stops:
        text = text.split(stop)[0] if stop else text
    return text.strip()
