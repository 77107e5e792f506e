"""Runs exports as the model `switchpoint` of lmms-eval: captioning, OCR, MMMU and whatever else that harness has.

It needs the export and transformers alone, so it is installed beside lmms-eval in an environment of its own:

    pip install scripts/lmms_eval_adapter
    python -m lmms_eval --model switchpoint --model_args pretrained=exported,trust_remote_code=True --tasks textcaps_val

Answers end as `switchpoint_exported` says, or where the task does; `until=TEXT` ends them at another text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest
from PIL import Image
from switchpoint_exported import Exported, Question

MANIFEST = ModelManifest(model_id="switchpoint", simple_class_path="switchpoint_lmms_eval.SwitchpointModel")
LONGEST_ANSWER = 256


class SwitchpointModel(lmms):
    """An exported model; `trust_remote_code=True` for exports that bring code of their own."""

    is_simple = True

    def __init__(self, pretrained: str, batch_size: int | str = 1, device: str | None = None, until: str | None = None,
                 trust_remote_code: bool = False, **kwargs: Any) -> None:  # fmt: skip
        super().__init__()
        if kwargs:
            raise ValueError(f"unknown model arguments: {', '.join(kwargs)}")
        self._size = int(batch_size)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        until = until.replace("\\n", "\n") if until is not None else None
        self._model = Exported(pretrained, device, until=until, trust_remote_code=trust_remote_code)

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Greedy answers, in the requests' order."""
        answers = [""] * len(requests)
        for arguments, batch in self._batches(requests):
            longest = int(arguments.get("max_new_tokens", LONGEST_ANSWER))
            until = arguments.get("until") or []
            stops = [until] if isinstance(until, str) else until
            questions = [self._question(requests[n].args[0], *requests[n].args[2:]) for n in batch]
            for number, text in zip(batch, self._model.answers(questions, longest, stops), strict=True):
                answers[number] = text
        return answers

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Sum of log-probabilities of each continuation, and whether it is what the model would say."""
        return [self._likelihood(request) for request in requests]

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Not offered: no task that these models are trained for has several rounds."""
        raise NotImplementedError("tasks of several rounds are not supported")

    def _likelihood(self, request: Instance) -> tuple[float, bool]:
        text, target, *rest = request.args
        if not rest:
            raise NotImplementedError("likelihoods without a question (acc_mutual_info) are not supported")
        _, number, task, split = rest
        said = target if isinstance(target, str) else str(target(self.task_dict[task][split][number]))
        return self._model.likelihood(self._question(text, *rest), said)

    def _batches(self, requests: list[Instance]) -> Iterator[tuple[dict[str, Any], list[int]]]:
        """Request numbers that share their generation arguments and whether they have images."""
        alike: defaultdict[str, list[int]] = defaultdict(list)
        for number, request in enumerate(requests):
            alike[f"{sorted(request.args[1].items())} {bool(self._images(*request.args[2:]))}"].append(number)
        for group in alike.values():
            for start in range(0, len(group), self._size):
                part = group[start : start + self._size]
                yield dict(requests[part[0]].args[1]), part

    def _question(self, text: Any, *where: Any) -> Question:
        return str(text), self._images(*where)

    def _images(self, visual: Any, number: int, task: str, split: str) -> list[Image.Image]:
        found = visual(self.task_dict[task][split][number]) or []
        if not all(isinstance(one, Image.Image) for one in found):
            raise ValueError(f"task '{task}' shows something other than images")
        return [one.convert("RGB") for one in found]
