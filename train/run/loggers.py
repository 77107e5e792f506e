"""Makes Composer's loggers from a run's config; what is not asked for is not imported."""

from __future__ import annotations

from typing import Any

from composer.loggers import LoggerDestination, MLFlowLogger, WandBLogger
from composer.utils import MissingConditionalImportError

from common.errors import InputError
from train.config.run_config import LoggersConfig
from train.run.tensorboard_log import TensorboardLog


def build_loggers(config: LoggersConfig) -> list[LoggerDestination]:
    """A logger for each that `config` asks for.

    Raises:
        InputError: its package is not installed, or it does not know an argument.
    """
    board = None if config.tensorboard is None else {"log_dir": str(config.tensorboard)}
    asked: dict[str, tuple[type[LoggerDestination], dict[str, Any] | None]] = {
        "tensorboard": (TensorboardLog, board),
        "wandb": (WandBLogger, config.wandb),
        "mlflow": (MLFlowLogger, config.mlflow),
    }
    built = []
    for name, (kind, arguments) in asked.items():
        if arguments is None:
            continue
        try:
            built.append(kind(**arguments))
        except (MissingConditionalImportError, ImportError):
            raise InputError(
                f"{name} is not installed", field=f"loggers.{name}", remedy=f"pip install {name}, or leave it out"
            ) from None
        except TypeError as error:
            raise InputError(str(error), field=f"loggers.{name}", remedy="give what Composer's logger takes") from None
    return built
