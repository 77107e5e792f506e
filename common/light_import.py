"""Imports one module of a package without the rest of it: all of `img2dataset` or `webdataset` takes seconds a worker.

`docs/decisions/0005-light-imports.md` has the figures.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types


def import_part(package: str, module: str) -> types.ModuleType:
    """Import `package.module` under a stand-in for its package; whoever imports the package later gets all of it.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    name = f"{package}.{module}"
    if package in sys.modules:
        return importlib.import_module(name)
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.find_spec(package)
    if found is None or found.submodule_search_locations is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    stand_in = types.ModuleType(package)
    stand_in.__path__ = list(found.submodule_search_locations)
    sys.modules[package] = stand_in
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules[package]
