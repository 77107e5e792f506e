"""A small sweep over the base curriculum: three grids, eleven runs."""

from pathlib import Path

import pytest

SWEEP = """\
curriculum: base.yaml
train: run.yaml
idle_before_images: [model.encoder]
throughput: {tokens_per_second: 1000, gpus: 2, price: 3}
grids:
  - name: mid
    axes: {switch: [40%, 80%], seed: [7, 365], encoder: [siglip, patch]}
  - {name: early, set: {switch: 0%, rate: {peak: 3e-3, warmup: 10 steps}}}
  - name: late
    axes: {when: [{label: end, switch: 100%, rate: {rewarm: 1e-3, warmup: 10 steps}}], epochs: [1, 2]}
"""
RUN = 'parameters: {encoder: siglip}\nmodel: {size: demo, encoder: {kind: "${encoder}"}}\nmicrobatch: 4\n'


@pytest.fixture
def sweep(base: Path) -> Path:
    """The sweep file, in a working directory with its curriculum, run config and datasets."""
    Path("sweep.yaml").write_text(SWEEP)
    Path("run.yaml").write_text(RUN)
    return Path("sweep.yaml")
