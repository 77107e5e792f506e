"""Numbers of a run's config are finite, whatever their section; averages keep less than everything."""

import pytest

from common import yaml_file
from common.errors import InputError
from tests.helpers import ranks
from train.config.run_config import RunConfig

SECTIONS = {
    "optimizer": ["eps", "weight_decay", "clip"],
    "checkpoint": ["remote_wait"],
    "faults": ["deviations"],
    "model": ["z_loss"],
    "decoder": ["rope_theta", "norm_eps"],
    "": ["remote_patience"],
}


@pytest.mark.parametrize(("section", "key"), [(name, key) for name, keys in SECTIONS.items() for key in keys])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_no_number_is_infinite(tmp_path, section, key, value):
    model = ranks.MODEL
    changes = {
        "": {key: value},
        "model": {"model": {**model, key: value}},
        "decoder": {"model": {**model, "decoder": {**model["decoder"], key: value}}},
    }.get(section, {section: {key: value}})
    file = tmp_path / "run.yaml"
    file.write_text(yaml_file.dump(ranks.settings("s", "o", **changes)))
    with pytest.raises(InputError, match=rf"run.yaml:\d+: .*{key}: .*finite"):
        yaml_file.load(file, RunConfig)


@pytest.mark.parametrize("betas", [[1.5, 0.9], [0.9, 1.0], [-0.1, 0.9], [0.9, float("nan")]])
def test_betas_are_shares(betas):
    with pytest.raises(ValueError, match="betas"):
        RunConfig.model_validate(ranks.settings("s", "o", optimizer={"betas": betas}))
