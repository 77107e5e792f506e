"""`python -m demo.tower TOWER.yaml`: teaches a small SigLIP on the pairs that the download job fetched.

A finished tower is left as it is; an interrupted one begins anew, and its weights are the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from common import yaml_file
from common.errors import exit_code
from demo.tower.settings import Settings
from demo.tower.teach import teach


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and teach."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.tower", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path, metavar="TOWER.yaml", help="settings, such as recipes/demo/tower.yaml")
    settings = yaml_file.load(parser.parse_args(argv).recipe, Settings)
    began = time.monotonic()
    said = teach(settings)
    if said is None:
        print(f"{settings.out} is that tower already; nothing to do")
        return 0
    seconds = time.monotonic() - began
    print(f"{settings.out}: {said['steps']:,} steps on {said['pairs']:,} pairs in {seconds:.0f} s", end="")
    print(f"; {said['matched']:.0%} of {settings.pairs_a_step} pictures told by their caption")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
