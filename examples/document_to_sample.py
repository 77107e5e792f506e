"""Turns a document into an MDS sample and reads it by Streaming: `python examples/document_to_sample.py OUT`.

Words are numbered as they come, in place of a tokenizer; the text job uses `dataprep.tokens` and keeps a manifest too.
"""

import sys
from pathlib import Path

import numpy as np
from streaming import StreamingDataset

from dataprep.mds.index import index_json
from dataprep.mds.layout import Layout
from dataprep.mds.shard import write_samples

DOCUMENT = "a red circle is left of a blue square and the square is not red"
SEQ_LEN = 16


def main(out: Path) -> None:
    words = DOCUMENT.split()
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words), start=1)}
    window = np.zeros(SEQ_LEN, np.uint16)  # id 0 pads
    window[: len(words)] = [vocabulary[word] for word in words]

    layout = Layout({"tokens": f"ndarray:uint16:{SEQ_LEN}"})
    out.mkdir(parents=True)
    sample = layout.encode_sample({"tokens": window})
    shard = write_samples(layout, 0, [len(sample)], [sample], out / "shard.00000.mds")
    (out / "index.json").write_bytes(index_json([shard.entry]))

    read = StreamingDataset(local=str(out), batch_size=1)[0]["tokens"]
    spelt = {number: word for word, number in vocabulary.items()}
    print(read.tolist())
    print(" ".join(spelt[number] for number in read.tolist() if number))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
