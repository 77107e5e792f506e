"""Exports a checkpoint and asks the export for the next ids: `python examples/checkpoint_to_export.py CHECKPOINT OUT`.

A decoder alone is plain Llama or Qwen3 to transformers: loading it takes no code of this project.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from train.export.export_folder import export


def main(checkpoint: Path, out: Path) -> None:
    export(checkpoint, out, decoder_only=True)

    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, torch_dtype=torch.float32)
    ids = tokenizer("A red circle", return_tensors="pt")["input_ids"]
    made = model.generate(ids, max_new_tokens=4, do_sample=False)
    print(type(model).__name__, made[0, ids.shape[1] :].tolist())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
