"""A program that loads exports as anyone would, without this project: `load_exports.py FOLDER...`.

Each folder holds the export `hf` and `made.json`: questions, pictures, their pixel values as training has them. Prints
what was found as JSON; what needs no comparison is asserted here. Runs under transformers 4 and 5.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    pipeline,
)


class Export:
    """One export, loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder / "hf", json.loads((folder / "made.json").read_text())
        self.images = self.made["pixels"] is not None
        self.trust = {"trust_remote_code": (self.folder / "modeling_switchpoint.py").exists()}
        loader: Any = AutoModelForImageTextToText if self.images else AutoModelForCausalLM
        self.model = loaded(loader, self.folder, **self.trust)
        reader: Any = AutoProcessor if self.images else AutoTokenizer
        self.read = reader.from_pretrained(self.folder, **({"use_fast": False} if self.images else {}), **self.trust)
        self.pictures = [Image.fromarray(np.array(one, np.uint8)) for one in self.made["pictures"]]
        self.prompts = [
            self.read.apply_chat_template(self.chat(row), add_generation_prompt=True, tokenize=False)
            for row in range(len(self.made["questions"]))
        ]

    def chat(self, row: int) -> list[dict[str, Any]]:
        """The question as a conversation."""
        text = self.made["questions"][row]
        shown = [{"type": "image", "image": self.pictures[row]}, {"type": "text", "text": text}]
        return [{"role": "user", "content": shown if self.images else text}]

    def inputs(self, rows: list[int]) -> Any:
        """Arguments of the model for some questions at once."""
        shown = {"images": [self.pictures[row] for row in rows]} if self.images else {}
        return self.read(text=[self.prompts[row] for row in rows], padding=True, return_tensors="pt", **shown)

    def answers(self, rows: list[int]) -> list[list[int]]:
        """Generated ids up to the first that ends an answer."""
        asked = self.inputs(rows)
        said = self.model.generate(**asked, max_new_tokens=self.made["max_tokens"])
        ends = np.atleast_1d(self.model.generation_config.eos_token_id)
        found = []
        for ids in said[:, asked["input_ids"].shape[1] :].tolist():
            last = next((place for place, token in enumerate(ids) if token in ends), len(ids))
            found.append(ids[: last + 1])
        return found

    def piped(self, row: int) -> str:
        """The answer by the pipeline that fits."""
        how = {"max_new_tokens": self.made["max_tokens"], "do_sample": False}  # for text, a pipeline samples unasked
        if self.images:
            ask: Any = pipeline("image-text-to-text", model=self.model, processor=self.read)
            said = ask(text=self.chat(row), return_full_text=False, generate_kwargs=how)
        else:
            ask = pipeline("text-generation", model=self.model, tokenizer=self.read)
            said = ask(self.chat(row), return_full_text=False, **how)
        return str(said[0]["generated_text"])

    def found(self) -> dict[str, Any]:
        """What is compared with the exporter's own model."""
        rows = list(range(len(self.prompts)))
        alone = [self.answers([row])[0] for row in rows]
        decode = getattr(self.read, "tokenizer", self.read).decode
        texts = [decode(ids, skip_special_tokens=True) for ids in alone]
        assert [self.piped(row) for row in rows] == texts
        assert self.model.config.get_text_config().architectures, "vLLM finds the decoder's class there"
        if self.images:
            base = loaded(AutoModel, self.folder, head=False, **self.trust)
            states = self.model(**self.inputs([0]), output_hidden_states=True).hidden_states[-1]
            assert torch.equal(base(**self.inputs([0])).last_hidden_state, states)
            assert torch.equal(self.inputs(rows)["pixel_values"], torch.tensor(self.made["pixels"]))
        return {
            "ids": [self.inputs([row])["input_ids"][0].tolist() for row in rows],
            "logits": [self.model(**self.inputs([row])).logits[0].tolist() for row in rows],
            "alone": alone,
            "together": self.answers(rows),
            "texts": texts,
            "eos": np.atleast_1d(self.model.generation_config.eos_token_id).tolist(),
        }


def loaded(loader: Any, folder: Path, *, head: bool = True, **trust: bool) -> Any:
    """The model, every tensor of which comes from the file; without a `head`, its tensor is left over."""
    model, loading = loader.from_pretrained(folder, output_loading_info=True, **trust)
    assert not loading["missing_keys"], loading
    assert not loading["unexpected_keys"] or not head, loading
    return model.eval()


torch.set_num_threads(1)
with torch.no_grad():
    results = {Path(name).name: Export(Path(name)).found() for name in sys.argv[1:]}
assert not {"schemas", "common", "dataprep", "train"} & {name.split(".")[0] for name in sys.modules}
print(json.dumps({"version": transformers.__version__, "found": results}))
