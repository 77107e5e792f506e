"""Defines one exception for what a user can mend and one for storage that fails, and reports both on one line.

A message names what is wrong, where (file, line, field) and the remedy, on a single line, so that it survives
log aggregators and can be grepped. Bugs are not `InputError`s: they keep their traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from common.printable import escaped

EXIT_BAD_INPUT = 2
EXIT_BROKEN_PIPE = 141
"""What shells report of a program that SIGPIPE ended."""


EXTRAS = {
    "spark": (
        "gigatoken",
        "hdfs_native",
        "huggingface_hub",
        "img2dataset",
        "PIL",
        "protego",
        "pyarrow",
        "pyspark",
        "simplejpeg",
        "webdataset",
        "zstandard",
    ),
    "train": (
        "boto3",
        "composer",
        "msgspec",
        "safetensors",
        "streaming",
        "tokenizers",
        "torch",
        "torchvision",
        "transformers",
    ),
    "eval": ("lm_eval",),
    "gguf": ("gguf",),
}
"""Optional parts of the installation, and the packages that each brings."""


class InputError(ValueError):
    """Input that the user can mend; `str()` is one line: `file:line: field: problem; remedy`."""

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        place = "" if file is None else f"{file}:" if line is None else f"{file}:{line}:"
        parts = [place, f"{field}:" if field else "", problem]
        text = " ".join(part for part in parts if part)
        if remedy:
            text = f"{text}; {remedy}"
        super().__init__(escaped(" ".join(text.split())))
        self.problem, self.file, self.line, self.field, self.remedy = (
            problem,
            file,
            line,
            field,
            remedy,
        )


class StorageError(Exception):
    """Storage did not do what it was asked, and what it holds is not known: try again later.

    Never a reason to reject a row or to take a file for damaged, so it is neither an InputError nor an OSError.
    `str()` is one line: `file: problem`.
    """

    def __init__(self, problem: str, *, file: str) -> None:
        super().__init__(escaped(" ".join(f"{file}: storage failed ({problem})".split())))
        self.problem, self.file = problem, file


class ResourceError(StorageError):
    """The machine lacks what the work needs: room, permission, open files, memory; trying again at once is no use.

    `str()` is one line: `file: problem; remedy`.
    """

    def __init__(self, problem: str, *, file: str, remedy: str, is_room: bool = False) -> None:
        super().__init__(problem, file=file)
        self.args = (escaped(" ".join(f"{file}: {problem}; {remedy}".split())),)
        self.remedy, self.is_room = remedy, is_room


def exit_code(main: Callable[[], int | None]) -> int:
    """Run a command's `main`; an `InputError` or a `StorageError` becomes one line on stderr and exit status 2.

    A reader that has seen enough (`| head`) ends the command without a word, as it does to any Unix command.
    """
    try:
        status = main() or 0
        sys.stdout.flush()
        return status
    except (InputError, StorageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = next((extra for extra, packages in EXTRAS.items() if package in packages), None)
        if extra is None:
            raise
        print(f"error: {package} is not installed; pip install 'switchpoint[{extra}]'", file=sys.stderr)
        return EXIT_BAD_INPUT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered must not fail again at exit
        return EXIT_BROKEN_PIPE
