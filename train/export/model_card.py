"""Writes the README.md of an export: the model card that the Hugging Face hub shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from common.errors import InputError
from schemas.manifest import Manifest
from schemas.phases import Source
from schemas.results import Results, TaskSummary
from schemas.schedule import Schedule
from train.checkpoint.state import Saved

CLASSES = {True: ("AutoModelForImageTextToText", "AutoProcessor"), False: ("AutoModelForCausalLM", "AutoTokenizer")}
"""Loader and reader, by whether the model sees images."""


def model_card(
    saved: Saved,
    schedule: Schedule | None,
    architecture: str,
    *,
    images: bool,
    module: str | None,
    scores: Results | None = None,
    licence: str | None = None,
) -> str:
    """The card: what the hub reads (licence, task, scores), how to load the model, what it was trained on.

    Args:
        schedule: what the model was trained under; None in checkpoints of older runs.
        architecture: class of the model.
        module: file that loading runs, where transformers does not know the model.
        scores: results of `evaluate` on this very model.
        licence: identifier of the model's licence, as the hub spells them; None: the card names none.
    """
    tasks = list(scores.tasks.values()) if scores is not None else []
    parts = [
        _front_matter(images, licence, architecture, [task for task in tasks if task.higher_is_better]),
        f"# {architecture}\n",
        _use(images, module),
        _training(saved, schedule),
        _scores(tasks),
        f"## Licence\n\n{licence or 'None is stated for the weights.'}\n",
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(images: bool, licence: str | None, name: str, tasks: Sequence[TaskSummary]) -> str:
    """The YAML head, each value as JSON, which YAML reads."""
    head: dict[str, object] = {
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text" if images else "text-generation",
        "tags": ["switchpoint"],
    }
    if licence:
        head["license"] = licence
    if tasks:
        results = [
            {
                "task": {"type": str(head["pipeline_tag"])},
                "dataset": {"name": task.task, "type": task.task},
                "metrics": [{"type": task.metric, "value": round(task.score, 6)}],
            }
            for task in tasks
        ]
        head["model-index"] = [{"name": name, "results": results}]
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    return "---\n" + "\n".join(lines) + "\n---\n"


def _use(images: bool, module: str | None) -> str:
    loader, reader = CLASSES[images]
    trust = ", trust_remote_code=True" if module else ""
    remark = (
        f"Its image encoder is not part of transformers: `{module}` beside this file defines it, and loading runs that "
        "file."
        if module
        else "Loading needs nothing but transformers."
    )
    content = '[{"type": "image", "image": image}, {"type": "text", "text": "What is this?"}]' if images else '"Hello"'
    template = f"{reader}.from_pretrained(folder)"
    return (
        f"Exported by Switchpoint. {remark}\n\n"
        f"```python\nfrom transformers import {loader}, {reader}\n\n"
        f'folder = "."  # or the name of this repository\n'
        f"model = {loader}.from_pretrained(folder{trust})\nread = {template}\n"
        f'chat = [{{"role": "user", "content": {content}}}]\n'
        "inputs = read.apply_chat_template(\n"
        '    chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"\n)\n'
        'said = model.generate(**inputs, max_new_tokens=64)[0, inputs["input_ids"].shape[1] :]\n'
        "print(read.decode(said, skip_special_tokens=True))\n```\n"
    )


def _training(saved: Saved, schedule: Schedule | None) -> str:
    form = f"Conversations: {saved.conversation_format}."
    facts = f"{saved.position:,} samples, {saved.tokens:,} tokens, {saved.step:,} steps. {form}"
    hashes = f"Schedule `{saved.schedule}`, its past up to here `{saved.past}`. Tokenizer `{saved.tokenizer.digest}`."
    lines = ["## Training", "", facts, "", hashes, ""]
    if schedule is not None:
        lines += ["| source | kind | samples trained on | dataset | licences of its inputs |", "|" + "---|" * 5]
        lines += _sources(schedule.sources, saved)
    return "\n".join([*lines, ""])


def _sources(sources: Sequence[Source], saved: Saved) -> Iterator[str]:
    for source in sources:
        try:
            manifest = Manifest.load(source.path)
            told = ", ".join(manifest.licences) if manifest.content == source.content else None
            licences = told if told is None else told or "none stated"
        except InputError:
            licences = None
        trained = saved.samples.get(source.name, 0)
        unknown = "manifest not at hand"
        yield f"| {source.name} | {source.kind} | {trained:,} | `{source.content}` | {licences or unknown} |"


def _scores(tasks: Sequence[TaskSummary]) -> str:
    if not tasks:
        return ""
    lines = ["## Scores", "", "| task | measure | score | standard error | guessing | items |", "|" + "---|" * 6]
    for one in tasks:
        chance = f"{one.chance:.4f}" if one.higher_is_better else ""
        lines.append(
            f"| {one.task} | {one.metric} | {one.score:.4f} | {one.standard_error:.4f} | {chance} | {one.items:,} |"
        )
    return "\n".join([*lines, ""])
