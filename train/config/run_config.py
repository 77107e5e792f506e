"""Defines `RUN.yaml`: what the trainer adds to a schedule. Data, order and learning rate are the schedule's; none is
here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from common import yaml_file
from common.quantities import Bytes
from schemas.schedule import MOST_ROWS, Schedule
from train.config.fault_config import FaultConfig
from train.config.finite import Finite
from train.config.model_config import ModelConfig
from train.config.parallel_config import ParallelConfig

Place = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, Path) else value)]
"""A path or a URL: as a `Path`, `s3://` would lose a slash."""


Beta = Annotated[float, Field(ge=0, lt=1)]
"""Share of a moving average that a step keeps."""


class OptimizerConfig(Finite):
    """AdamW with decoupled weight decay; the learning rate is the schedule's."""

    betas: tuple[Beta, Beta] = (0.9, 0.95)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.033, ge=0)
    """Decay a step is learning rate x this; none on norms, biases and embeddings."""
    clip: float = Field(default=1.0, gt=0)
    """Largest gradient norm; larger gradients are scaled down to it."""


class CheckpointConfig(Finite):
    """When to save, besides at every switch point and at the end."""

    every: int = Field(default=1000, gt=0)
    """Steps between checkpoints."""
    keep: int = Field(default=2, gt=0)
    """Interval checkpoints to keep; those at switch points and the end always stay."""
    failures: int = Field(default=3, gt=0)
    """Interval checkpoints in a row that may fail (disk full) before the run stops; one at a switch point may not."""
    damaged: Literal["stop", "go_back"] = "stop"
    """What to do if the newest checkpoint is not what was saved. `go_back`: rename it to `NAME.damaged` (in `remote`:
    delete its state.json) and go on from the one before it."""
    remote: str | None = None
    """Object storage (`s3://bucket/path`) that every checkpoint is copied to while training goes on, and that a run on
    an empty disk goes on from. Endpoint and credentials are the usual environment's."""
    remote_wait: float = Field(default=1800.0, ge=0)
    """Seconds to wait for copies that are under way, at the end and when asked to leave; the disk has them all."""


class LoggersConfig(Finite):
    """Where metrics go besides `metrics.jsonl`; each needs its own package, imported only if it is asked for."""

    tensorboard: Path | None = None
    """Directory for event files; needs `tensorboard`."""
    wandb: dict[str, Any] | None = None
    """Arguments of Composer's WandBLogger (`project`, `name`, ...); needs `wandb`."""
    mlflow: dict[str, Any] | None = None
    """Arguments of Composer's MLFlowLogger (`experiment_name`, `tracking_uri`, ...); needs `mlflow`."""


class EvaluationConfig(Finite):
    """Loss on held-out data, at the points that the schedule names (`evaluate_at`) and at the run's end."""

    sources: dict[str, Path] = Field(min_length=1)
    """Datasets by name, as dataprep writes them; each is scored by itself."""
    rows: int = Field(default=256, gt=0)
    """Rows of each to score, from its first on; all ranks share them."""


class RunConfig(Finite):
    """Holds the settings of one training run."""

    schedule: Path
    """Compiled schedule (JSON)."""
    out: Path
    """Directory for checkpoints and metrics.jsonl; a run that finds its own checkpoints there goes on from them."""
    model: ModelConfig
    tokenizer: Path | None = None
    """tokenizer.json that made the data (or its directory), checked by digest; evaluation needs it."""
    microbatch: PositiveInt | Literal["auto"]
    """Rows of a rank in one forward and backward pass; `auto`: the fastest number that fits, tried before training."""
    global_batch: int | None = Field(default=None, gt=0, le=MOST_ROWS)
    """Rows of all ranks in a step; default: the schedule's. The order of samples does not depend on it."""
    precision: Literal["fp32", "amp_bf16"] = "fp32"
    """`amp_bf16` needs a GPU: bf16 products, fp32 weights. `fp32` on a GPU multiplies in TF32, Composer's default."""
    fp8: bool | Literal["emulated"] = False
    """Products of the decoder's blocks in 8 bits, by torchao (torch 2.11 or newer); `true` needs `amp_bf16`, a GPU of
    capability 8.9 or newer, and `compile` to be fast; `emulated` rounds in the same way anywhere, slowly."""
    attention: Literal["flex", "flash"] = "flex"
    """Kernels of FlexAttention on a GPU: its own, or (`flash`, torch 2.11 or newer) FlashAttention 4's."""
    recompute: bool = False
    """Activation checkpointing of decoder blocks: about a third more work, a fraction of the memory."""
    compile: bool = False
    """Compile every block (torch.compile, in place): minutes at the start, then fewer and larger kernels."""
    fused_gate: bool = False
    """Make gate and up of a compiled block in one product: fewer bytes by inductor's count; not yet timed on a GPU."""
    loss_chunk: int = Field(default=4096, gt=0)
    """Tokens whose logits exist at a time: larger chunks move fewer bytes and take 8 bytes x vocabulary a token."""
    parallel: ParallelConfig = ParallelConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    seed: int = 17
    """Of the initial weights."""
    checkpoint: CheckpointConfig = CheckpointConfig()
    faults: FaultConfig = FaultConfig()
    loggers: LoggersConfig = LoggersConfig()
    evaluation: EvaluationConfig | None = None
    log_every: int = Field(default=10, gt=0)
    """Steps between progress lines; metrics.jsonl has every step."""
    threads: int | None = Field(default=None, gt=0)
    """CPU threads of a rank; default: torch's own choice."""
    workers: int = Field(default=0, ge=0)
    """Loader processes of a rank; 0 loads in the training process."""
    cache: Path | None = None
    """Local directory for shards of remote and compressed sources; default: `out`/cache."""
    cache_limit: Bytes | None = Field(default=None, gt=0)
    """Bytes of shards to keep in `cache`, on each node."""
    ahead: int = Field(default=64, gt=0)
    """Steps that shards are asked for before they are needed; more for remotes that are slow to answer."""
    remote_patience: float = Field(default=300.0, ge=0)
    """Seconds to go on asking a remote that fails before the run ends."""
    branch_from: Place | None = None
    """Start from another run's weights, optimizer and position: from its newest checkpoint whose past this schedule
    shares. Its `out`, or its `checkpoint.remote` (`s3://...`); a single checkpoint may be named instead."""

    @model_validator(mode="after")
    def _products_fit(self) -> Self:
        if self.fp8 is True and self.precision != "amp_bf16":
            raise ValueError("`fp8: true` needs `precision: amp_bf16`, or say `fp8: emulated`")
        if self.fused_gate and (self.fp8 or not self.compile):
            raise ValueError("`fused_gate` needs `compile: true`, and does not go with `fp8`")
        return self

    @property
    def name(self) -> str:
        """The run's name in loggers: its folder's, or the folder above's where a sweep names all of them `out`."""
        return self.out.parent.name if self.out.name == "out" and self.out.parent.name else self.out.name


def read_run(config: Path) -> tuple[RunConfig, Schedule]:
    """A run's config and the schedule that it names.

    Raises:
        InputError: one of the files is missing, or does not say what it should.
    """
    run = yaml_file.load(config, RunConfig)
    return run, Schedule.load(run.schedule)
