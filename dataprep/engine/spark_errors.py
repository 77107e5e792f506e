"""Turns what Spark says about a cluster that is set up wrongly into one line with a remedy.

Spark reports these mistakes with 24 to 136 lines of its own stack. What is not known here keeps its traceback: it may
be a fault of this program.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from common.errors import InputError

_JAVA = "install a JDK 17 or 21 and set JAVA_HOME, or put `java` on PATH"
_SAME_PYTHON = (
    "install switchpoint[spark] there, ship an environment (--archives env.tar.gz#env, PYSPARK_PYTHON=env/bin/python), "
    "or set PYSPARK_PYTHON to a Python on every machine that has it"
)
_MASTERS = "write spark://HOST:7077, yarn, k8s://https://HOST:PORT or local[N]"
_KNOWN = (
    (r"Cannot run program \"(?P<x>[^\"]*)\".*error=(?:2|13)\b", "the executors cannot start {x}", _SAME_PYTHON),
    (
        r"\[?PYTHON_VERSION_MISMATCH\]?.*?version: (?P<x>[\d.]+\d) than that in driver: (?P<y>[\d.]+\d)",
        "the executors run Python {x}, the driver Python {y}",
        "set PYSPARK_PYTHON to the driver's version on every machine, or ship an environment (--archives)",
    ),
    (r"No module named '?(?P<x>[\w.]+)'?", "the executors' Python has no package {x}", _SAME_PYTHON),
    (r"Could not parse Master URL|Invalid master URL", "there is no such kind of Spark master", _MASTERS),
    (
        r"All masters are unresponsive|Cannot call methods on a stopped SparkContext",
        "Spark has given the application up: no master answers, or it removed the application as its executors died",
        "check the address after --master and the master's page; executors that die say why in the workers' "
        "work/app-*/*/stderr",
    ),
    (
        r"Master removed our application|remove the application",
        "the master removed the application: its executors die as they start",
        "they say why in the workers' work/app-*/*/stderr (no Java, no memory, a folder that may not be written)",
    ),
)


def explained(error: BaseException) -> InputError | None:
    """Say what the user can do about an error of Spark; None where it is none of the known mistakes."""
    text = str(error)
    if "JAVA_GATEWAY_EXITED" in text:
        return no_java()
    for pattern, problem, remedy in _KNOWN:
        if found := re.search(pattern, text, re.DOTALL):
            return InputError(problem.format(**found.groupdict()), remedy=remedy)
    return None


@contextmanager
def one_line() -> Iterator[None]:
    """Raise the known mistakes as `InputError`s, without Spark's stack; everything else as it is."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("py4j", "pyspark"):
            raise
        meant = explained(error)
        if meant is None:
            raise
        raise meant from None


def no_java() -> InputError | None:
    """Say that Java is missing, as Spark's scripts look for it; None where it is there."""
    home = os.environ.get("JAVA_HOME")
    if home:
        if os.access(os.path.join(home, "bin", "java"), os.X_OK):
            return None
        return InputError("there is no bin/java", file=home, field="JAVA_HOME", remedy=_JAVA)
    return None if shutil.which("java") else InputError("Spark needs Java, and there is none", remedy=_JAVA)


def check_options(options: Sequence[str]) -> None:
    """Refuse options of `spark-submit` that can be known to be wrong before Java starts.

    Raises:
        InputError: there is no such kind of master.
    """
    given = [value for option, value in pairwise(options) if option == "--master"]
    given += [option.partition("=")[2] for option in options if option.startswith("--master=")]
    for master in given:
        if not re.fullmatch(r"spark://.+:\d+|k8s://.+|yarn|local(-cluster)?(\[.*\])?", master):
            raise InputError(f"there is no such kind of Spark master: {master}", field="--master", remedy=_MASTERS)
