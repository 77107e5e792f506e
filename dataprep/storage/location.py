"""Defines the type of settings that name one place: made absolute where they are read, which is on the driver.

Executors of a cluster have working directories of their own, in which a relative path is another file, or none.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from dataprep.storage.files import absolute

Location = Annotated[str, AfterValidator(absolute)]
"""A path or a URI; `~` and relative paths are those of the process that reads the settings."""
