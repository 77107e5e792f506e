"""Held-out rows are the dataset's, compressed or not, to whichever ranks they are dealt; what is damaged is refused."""

import shutil

import numpy as np
import pytest
import torch

from common.errors import InputError
from schemas.conversation_format import ConversationFormat
from tests.helpers import synthetic
from train.config.model_config import ModelConfig
from train.loader.held_out import HeldOut
from train.loader.rows.decode import decode_row
from train.models.row_losses import row_losses
from train.models.vlm import VisionLanguageModel

MODEL = {
    "decoder": {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24},
    "encoder": {"width": 8},
}
OURS = (synthetic.TOKENIZER, synthetic.GEOMETRY)


@pytest.mark.parametrize("kind", ["text", "pairs"])
def test_compressed_rows_are_the_same_rows(tmp_path, kind):
    plain = synthetic.write(tmp_path / "plain", kind, 40, seed=3)
    packed = synthetic.write(tmp_path / "packed", kind, 40, seed=3, compression="zstd:3")
    before = sorted(packed.iterdir())
    assert len(before) > 4, "more than one shard"
    one, other = (HeldOut(path, *OURS) for path in (plain, packed))
    rng = np.random.default_rng(3)
    for number in range(40):
        due = decode_row(synthetic.sample(kind, number, rng), 0, synthetic.SEQ_LEN, *OURS)
        for row in (one.row(number), other.row(number)):
            assert all(np.array_equal(mine, theirs) for mine, theirs in zip(row, due, strict=True))
    assert np.array_equal(other.row(0).tokens, one.row(0).tokens), "and back"
    assert sorted(packed.iterdir()) == before, "nothing is written into the dataset"


@pytest.mark.parametrize("ranks", [1, 2, 3, 12])
def test_ranks_share_the_rows_and_run_equally_often(tmp_path, ranks):
    held_out = HeldOut(synthetic.write(tmp_path, "pairs", 10), *OURS, limit=7)
    model = VisionLanguageModel.of(ModelConfig.model_validate(MODEL), *OURS)
    found = [list(row_losses(model, held_out.batches(2, rank, ranks), lambda batch: batch)) for rank in range(ranks)]
    assert len({len(batches) for batches in found}) == 1
    ((sums, counts),) = row_losses(model, held_out.batches(7), lambda batch: batch)
    assert model.training, "left as it was"
    each = [(float(s), int(c)) for batches in found for part in batches for s, c in zip(*part, strict=True) if c]
    expected = list(zip(sums.tolist(), counts.tolist(), strict=True))
    assert sorted(count for _, count in each) == sorted(count for _, count in expected)
    assert torch.allclose(torch.tensor(sorted(each)), torch.tensor(sorted(expected)), rtol=1e-5)


def test_what_does_not_fit_or_is_damaged_is_refused(tmp_path):
    path = synthetic.write(tmp_path, "pairs", 10)
    other = synthetic.TOKENIZER.model_copy(update={"digest": "another"})
    with pytest.raises(InputError, match="tokenizer of the held-out data is not the model's; prepare held-out data"):
        HeldOut(path, other, synthetic.GEOMETRY)
    with pytest.raises(InputError, match="seq_len of the held-out data"):
        HeldOut(path, *OURS, seq_len=64)
    with pytest.raises(InputError, match="geometry of the held-out data"):
        HeldOut(path, synthetic.TOKENIZER, None)
    turns = ConversationFormat(version=2, end_of_turn="<end_of_turn>", end_of_turn_id=65)
    HeldOut(path, *OURS, conversation=turns)
    with pytest.raises(InputError, match="conversation format of the held-out data"):
        HeldOut(synthetic.write(tmp_path, "conversations", 3), *OURS, conversation=turns)
    HeldOut(synthetic.write(tmp_path, "text", 3), synthetic.TOKENIZER, None, seq_len=synthetic.SEQ_LEN)
    with pytest.raises(InputError, match="not a finished dataset"):
        HeldOut(tmp_path / "none", *OURS)

    shard = sorted(path.glob("*.mds"))[0]
    sound = shard.read_bytes()
    shard.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(InputError, match=rf"shard '{shard.name}' of source 'pairs' is damaged"):
        HeldOut(path, *OURS).row(0)
    shard.unlink()
    with pytest.raises(InputError, match=rf"shard '{shard.name}' of source 'pairs' cannot be read"):
        HeldOut(path, *OURS).row(0)
    shutil.move(path / "index.json", path / "gone")
    with pytest.raises(InputError, match=r"cannot read index.json"):
        HeldOut(path, *OURS)
