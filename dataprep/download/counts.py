"""Adds up a shard's lines, and the sums of shards: for receipts, the report, and the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dataprep.download.client.reasons import TRANSIENT
from dataprep.storage.urls import host_of

HOSTS_KEPT = 200
"""Hosts with the most rows that a receipt names; the rest are one entry, named ""."""
SIDES = (64, 128, 256, 384, 512, 768, 1024, 2048, 4096)
"""Pixels; limits between the classes of `shorter_side`."""
KILOBYTES = (8, 16, 32, 64, 128, 256, 512, 1024, 4096)
"""Limits between the classes of `kilobytes`."""


def counts(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sums over a shard's lines; each is `status` success or has a `reason`."""
    hosts: dict[str, Counter[str]] = {}
    matches, reasons, kinds = Counter[str](), Counter[str](), Counter[str]()
    sides, sizes, turned = Counter[str](), Counter[str](), 0
    for result in results:
        reason = None if result["status"] == "success" else result["reason"]
        hosts.setdefault(host_of(result["url"]), Counter())[reason or "success"] += 1
        if reason:
            reasons[reason] += 1
            continue
        matches[{None: "unknown", True: "match", False: "mismatch"}[result["hash_match"]]] += 1
        kinds[result["kind"]] += 1
        turned += result["orientation"] != 1
        sides[interval(min(result["width"], result["height"]), SIDES)] += 1
        sizes[interval(result["bytes"] // 1000, KILOBYTES)] += 1
    return {
        "rows": len(results),
        "written": len(results) - reasons.total(),
        "rejected": dict(sorted(reasons.items())),
        "may_pass": sum(count for reason, count in reasons.items() if reason in TRANSIENT),
        "hashes": dict(matches),
        "kinds": dict(kinds),
        "shorter_side": dict(sides),
        "kilobytes": dict(sizes),
        "turned_upright": turned,
        "image_bytes": sum(result["bytes"] for result in results if result["status"] == "success"),
        "hosts": frequent(hosts),
    }


def frequent(hosts: dict[str, Counter[str]], keep: int = HOSTS_KEPT) -> dict[str, dict[str, int]]:
    """The `keep` hosts with the most rows by name, and the sum of all others under ""."""
    others = hosts.get("", Counter[str]())
    order = sorted((name for name in hosts if name), key=lambda name: (-hosts[name].total(), name))
    others = sum((hosts[name] for name in order[keep:]), others)
    kept = {name: dict(sorted(hosts[name].items())) for name in sorted(order[:keep])}
    return kept | ({"": dict(sorted(others.items()))} if others else {})


def interval(value: int, limits: Sequence[int]) -> str:
    """The class of `value` among those that `limits` bound: `<64`, `64-127`, ..., `>=4096`."""
    if value < limits[0]:
        return f"<{limits[0]}"
    lower = max(limit for limit in limits if limit <= value)
    upper = next((limit for limit in limits if limit > value), None)
    return f">={lower}" if upper is None else f"{lower}-{upper - 1}"


def intervals(limits: Sequence[int]) -> list[str]:
    """All classes in order."""
    return [interval(value, limits) for value in (limits[0] - 1, *limits)]
