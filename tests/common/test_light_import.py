"""One module comes without its package's weight, and the package is whole for whoever imports it afterwards."""

import subprocess
import sys

import pytest

from common.light_import import import_part
from tests.helpers.commands import ROOT

LIGHT = """
import sys
from common.light_import import import_part
package, module, name = sys.argv[1:]
part = import_part(package, module)
assert not {"torch", "albumentations", "pandas"} & sys.modules.keys()
assert package not in sys.modules
assert import_part(package, module) is part
assert hasattr(part, name)
"""
WHOLE = """
import importlib
assert importlib.import_module(package).__file__
assert import_part(package, module) is part
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["img2dataset downloader Downloader", "webdataset writer TarWriter"])
@pytest.mark.parametrize("script", [LIGHT, LIGHT + WHOLE], ids=["alone", "whole afterwards"])
def test_heavy_dependencies_are_not_imported(what: str, script: str) -> None:
    subprocess.run([sys.executable, "-c", script, *what.split()], check=True, cwd=ROOT, timeout=120)


def test_a_package_that_is_not_there() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere") as caught:
        import_part("nowhere", "part")
    assert caught.value.name == "nowhere", "by it `exit_code` knows what to install"
