"""`train/main.py` on ranks that see no common disk: `{rank}` in the `out` of RUN.yaml is each one's own number.

`composer -n N tests/helpers/own_disks.py RUN.yaml`; as on N nodes with a GPU each.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from train.main import main  # noqa: E402

rank = os.environ["RANK"]
said = Path(sys.argv[1])
own = said.with_suffix(f".{rank}.yaml")
own.write_text(said.read_text().replace("{rank}", rank))
sys.argv[1] = str(own)
sys.exit(main())
