"""A Hugging Face model becomes position 0 of a run, and comes out of an export as it went in."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from common import yaml_file
from common.errors import InputError
from schemas.run_log import steps
from schemas.schedule import Schedule
from tests.helpers.checkpoints import PATCH, byte_schedule, checkpoint
from train.__main__ import main
from train.checkpoint import config_changes, state
from train.checkpoint import folder as checkpoint_folder
from train.config.run_config import read_run
from train.export.export_folder import export
from train.export.import_folder import decoder_shape, import_trunk
from train.run.launch import launch

SHAPE = {"family": "llama", "width": 64, "layers": 2, "heads": 4, "kv_heads": 2, "head_width": 16, "mlp_width": 96}


def foreign(folder: Path, **update: object) -> Path:
    """A Llama as others save it: sharded, with 300 embedding rows, its tokenizer written anew."""
    torch.manual_seed(3)
    settings = {
        "vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "rms_norm_eps": 1e-5,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, **update,
    }  # fmt: skip
    LlamaForCausalLM(LlamaConfig(**settings)).save_pretrained(folder / "llama", max_shard_size="100KB")
    PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json")).save_pretrained(folder / "llama")
    assert (folder / "llama/model.safetensors.index.json").exists()
    return folder / "llama"


@pytest.fixture
def run(tmp_path) -> Path:
    """RUN.yaml of a run that has not begun."""
    byte_schedule(tmp_path).save(tmp_path / "schedule.json")
    settings = {
        "schedule": str(tmp_path / "schedule.json"), "out": str(tmp_path / "out"),
        "tokenizer": str(tmp_path / "tokenizer.json"), "microbatch": 4, "model": {"decoder": SHAPE, "encoder": PATCH},
    }  # fmt: skip
    (tmp_path / "run.yaml").write_text(yaml_file.dump(settings))
    return tmp_path / "run.yaml"


def test_round_trip(run, tmp_path):
    source = foreign(tmp_path)
    assert main(["import", str(source), str(run)]) == 0
    export(tmp_path / "out", tmp_path / "back", decoder_only=True)
    first, second = (AutoModelForCausalLM.from_pretrained(path).eval() for path in (source, tmp_path / "back"))
    ids = torch.randint(0, 258, (2, 21))
    with torch.no_grad():
        assert (first(ids).logits[..., :258] - second(ids).logits[..., :258]).abs().max() == 0.0
    with pytest.raises(InputError, match="has checkpoints already"):
        import_trunk(source, run)


def test_an_export_imports_to_the_same_tensors(tmp_path, run):
    (tmp_path / "first").mkdir()
    out = checkpoint(tmp_path / "first", decoder=SHAPE)
    export(out, tmp_path / "hf")
    config = tmp_path / "hf/config.json"
    whole = config.read_text()
    config.write_text(whole.replace('"rope_theta": 10000.0', '"rope_theta": 20000.0'))
    with pytest.raises(InputError, match=r"this export is damaged: config.json is not the file that was saved"):
        import_trunk(tmp_path / "hf", run)
    config.write_text(whole)
    found = import_trunk(tmp_path / "hf", run)
    before, after = (load_file(p / "model.safetensors") for p in (checkpoint_folder.find(out), found))
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert state.read(found).position == 0


def test_training_goes_on_from_it(run, tmp_path):
    """With a schedule whose data is really there: the synthetic ids lie inside the byte vocabulary."""
    settings = yaml_file.compose(run)[0]
    schedule = Schedule.load(settings["schedule"])
    schedule.cut(16).save(settings["schedule"])
    import_trunk(foreign(tmp_path), run)
    launch(*read_run(run))
    assert [step.position for step in steps(tmp_path / "out/metrics.jsonl")] == [8, 16]
    kept = [path.name for path in checkpoint_folder.complete(tmp_path / "out/checkpoints")]
    assert kept[0] == f"{0:015d}"
    assert kept[-1] == f"{16:015d}"


def test_another_function_of_imported_weights_is_refused(run, tmp_path):
    """As on resume; other keys are taken, and are on record from sample 0 on."""
    schedule = yaml_file.compose(run)[0]["schedule"]
    Schedule.load(schedule).cut(8).save(schedule)
    import_trunk(foreign(tmp_path), run)
    config, compiled = read_run(run)
    decoder = config.model.shape.model_copy(update={"rope_theta": 200.0})
    changed = config.model_copy(update={"model": config.model.model_copy(update={"decoder": decoder})})
    with pytest.raises(InputError, match=r"model.decoder.rope_theta: 200.0 now, but these weights were trained with"):
        launch(changed, compiled)
    closes = config.model_copy(update={"model": config.model.model_copy(update={"end_of_text": "closes"})})
    with pytest.raises(InputError, match=r"model.end_of_text: 'closes' now, but these weights were trained"):
        launch(closes, compiled)
    launch(config.model_copy(update={"microbatch": 2}), compiled)
    (change,) = config_changes.read(config.out)
    assert (change.position, change.key, change.before, change.after) == (0, "microbatch", 4, 2)


def test_bad_models_are_refused(run, tmp_path):
    source = foreign(tmp_path)
    shard = sorted(source.glob("*.safetensors"))[0]
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-10])
    with pytest.raises(InputError, match="damaged or missing tensors"):
        import_trunk(source, run)
    shard.write_bytes(whole)
    config = json.loads((source / "config.json").read_text())

    def with_config(**update: object) -> None:
        (source / "config.json").write_text(json.dumps(config | update))

    with_config(num_hidden_layers=3)
    with pytest.raises(InputError, match=r"run.yaml: model.decoder: the model is not of the shape.*\"layers\": 3"):
        import_trunk(source, run)
    with_config(rope_scaling={"type": "linear", "factor": 2.0})
    with pytest.raises(InputError, match="rope_scaling"):
        import_trunk(source, run)
    with_config(rope_parameters={"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0})
    with pytest.raises(InputError, match=r"rope_parameters: .*llama3.* is not supported"):
        import_trunk(source, run)
    with_config(rope_parameters={"rope_type": "default", "rope_theta": 5e5})
    assert decoder_shape(source).rope_theta == 5e5
    with_config(model_type=GPT2Config.model_type)
    with pytest.raises(InputError, match="give a llama or qwen3"):
        import_trunk(source, run)
    with_config(hidden_size="wide")
    with pytest.raises(InputError, match=r"config.json: no decoder has this shape"):
        import_trunk(source, run)
    for content in ("[]", "{", '"llama"'):
        (source / "config.json").write_text(content)
        with pytest.raises(InputError, match=r"config\.json: "):
            import_trunk(source, run)
    with_config()
    index = source / "model.safetensors.index.json"
    kept = index.read_text()
    for content in ("[]", "{", '{"weight_map": {"a": 1}}', '{"weight_map": 3}'):
        index.write_text(content)
        with pytest.raises(InputError, match=r"index\.json: damaged index"):
            import_trunk(source, run)
    index.write_text(kept)
    words = json.loads((source / "tokenizer.json").read_text())
    vocabulary = words["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (source / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(InputError, match="2 tokens have other ids"):
        import_trunk(source, run)
    (source / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match=r"tokenizer\.json: cannot read the tokenizer"):
        import_trunk(source, run)
    assert not (tmp_path / "out").exists()
