"""`plot`: the same curriculum gives the same file, which needs nothing else."""

from pathlib import Path

import pytest

from curriculum.__main__ import main


@pytest.mark.parametrize("suffix", ["svg", "png", "html"])
def test_plot(base: Path, suffix: str) -> None:
    assert main(["plot", str(base), "-o", f"p.{suffix}"]) == 0
    first = Path(f"p.{suffix}").read_bytes()
    assert len(first) > 10_000
    if suffix != "png":
        assert b"learning rate" in first or b"<svg" in first
        assert b'src="http' not in first
        main(["plot", str(base), "-o", f"p.{suffix}"])
        assert Path(f"p.{suffix}").read_bytes() == first
    assert main(["plot", str(base), "-o", "p.gif"]) == 2
