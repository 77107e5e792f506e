"""Uploads one checkpoint and its run's logs: `python -m train.checkpoint.upload_process URI CHECKPOINT OUT`.
`train.checkpoint.upload_queue` starts it.

A process of its own, because the threads of an upload would take turns with the training loop in one interpreter, and
because a process can be ended at any moment, whatever it waits for.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from common.process import end_with_parent
from train.checkpoint.remote_store import RemoteError, RemoteStore


def main(arguments: Sequence[str]) -> int:
    """Upload; returns 1 if the storage failed, with the reason as the last line of stderr."""
    uri, checkpoint, out, parent = arguments
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # schedulers send them to all of a job: the run decides what they mean
    # A run that was killed may be started again at once: nothing of it must still be writing by then.
    end_with_parent(signal.SIGKILL, int(parent))
    try:
        RemoteStore(uri).put(Path(checkpoint), Path(out))
    except RemoteError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
