"""Names the files and folders inside a dataset."""

from __future__ import annotations

STAGING = ".switchpoint"
"""Directory inside a dataset for all that is not part of it: plan, receipts, intermediate files."""


TEMPORARY = f"{STAGING}/tmp"
"""Files in the making, where the dataset is on local disk or HDFS: the same file system, so publishing is a rename."""


PLAN_NAME = "plan.json"
LEASE_NAME = "lease.json"
"""Says which driver works here (`lease`); no part of what it makes."""


INDEX_NAME = "index.json"
CHECKSUMS_NAME = "checksums.txt"
"""Lists a digest of every other file (`checksums`)."""


HELD_OUT = "held_out"
"""Folder of the dataset of what a job with `held_out` leaves out of training."""
