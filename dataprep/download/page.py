"""Writes `download.html`, which shows a person what came of the URLs: reasons, hosts, hashes, sizes, a contact sheet.

One file, nothing fetched: it is opened from a cluster's storage, next to the tars. All that strangers chose (hosts,
captions) is escaped by `common.html`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.html.page import gallery, heading, note, page, table, verdict
from dataprep.download.client.reasons import TRANSIENT
from dataprep.download.config import DownloadJob
from dataprep.download.contact_sheet import Thumbnail
from dataprep.download.counts import KILOBYTES, SIDES, intervals

HOSTS = 50


def html(job: DownloadJob, report: dict[str, Any], sheet: Sequence[Thumbnail]) -> str:
    """The page for `report`."""
    uids = report["uids"]
    share = uids["success"] / max(1, uids["read"])
    parts = [
        verdict(
            f"{uids['success']:,} images of {uids['read']:,} URLs ({share:.1%}), "
            f"{report['image_bytes'] / 1e9:,.2f} GB; "
            f"unaccounted: {uids['unaccounted']}",
            good=uids["unaccounted"] == 0,
        ),
        note(f"plan {report['plan']}, {_rounds(report['rounds'])}; {report['input_rows']['read']:,} input rows"),
        heading("Where every uid ended"),
        table(("outcome", "uids", "share", ""), _outcomes(uids)),
        heading("Input rows that were not tried"),
        _pairs(report["input_rows"]["rejected"], "reason", "rows"),
        heading(f"Hosts (the {HOSTS} with the most URLs)"),
        table(("host", "URLs", "success", "most frequent failures"), _hosts(report["hosts"])),
        heading("Hashes"),
        note("sha256 of the bytes as they came, against the metadata's; unknown: the metadata has none."),
        _pairs(report["hashes"], "sha256", "images"),
        heading("Sizes"),
        _pairs(_ordered(report["shorter_side"], intervals(SIDES)), "shorter side, pixels", "images"),
        _pairs(_ordered(report["kilobytes"], intervals(KILOBYTES)), "kilobytes", "images"),
        _pairs(report["kinds"], "kind", "images"),
        note(f"{report['turned_upright']:,} images were turned upright as their EXIF orientation says."),
        heading("Contact sheet"),
        note("A random sample, the same for every run." if sheet else "No image to show."),
        gallery([(one.data_uri, f"{one.host}: {one.caption[:120]}") for one in sheet]),
    ]
    if job.allow_addresses:
        parts.insert(2, note(f"Addresses that were not refused: {', '.join(job.allow_addresses)}"))
    return page("Download", parts)


def _rounds(count: int) -> str:
    return "one round" if count == 1 else f"{count} rounds"


def _outcomes(uids: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    total = max(1, uids["read"])
    rows = [("success", uids["success"], "")]
    failed = sorted(uids["failed"].items(), key=lambda item: (-item[1], item[0]))
    rows += [(reason, count, "may pass" if reason in TRANSIENT else "") for reason, count in failed]
    rows += [("unaccounted", uids["unaccounted"], "")]
    return [(name, f"{count:,}", f"{count / total:.1%}", remark) for name, count, remark in rows]


def _hosts(hosts: dict[str, dict[str, int]]) -> list[tuple[str, str, str, str]]:
    rows = []
    named = sorted(hosts.items(), key=lambda item: (item[0] == "", -sum(item[1].values()), item[0]))
    for host, counts in named[:HOSTS]:
        total, failures = sum(counts.values()), {k: v for k, v in counts.items() if k != "success"}
        worst = sorted(failures.items(), key=lambda item: (-item[1], item[0]))[:3]
        shown = ", ".join(f"{reason} {count:,}" for reason, count in worst)
        rows.append((host or "(others)", f"{total:,}", f"{counts.get('success', 0) / total:.1%}", shown))
    return rows


def _ordered(counts: dict[str, int], order: Sequence[str]) -> dict[str, int]:
    return {name: counts[name] for name in order if name in counts}


def _pairs(counts: dict[str, int], name: str, unit: str) -> str:
    if not counts:
        return note("none")
    total = sum(counts.values())
    return table((name, unit, "share"), [(key, f"{count:,}", f"{count / total:.1%}") for key, count in counts.items()])
