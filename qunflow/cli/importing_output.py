"""
What ``qunflow import`` prints: short lines that fit a phone, or JSON. Nothing in them names anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qunflow.language import Catalogue

if TYPE_CHECKING:
    from qunflow.store.importing.events import Preview
    from qunflow.store.importing.preview import Told
    from qunflow.store.importing.record import ImportRow, Kept
    from qunflow.store.importing.undo import Undone

MOST_LISTED = 10


def print_json(found: Any) -> int:
    """Print a value as JSON; returns exit code 0."""
    import json
    from dataclasses import asdict, is_dataclass
    from datetime import datetime

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else dict(value)

    print(json.dumps(found, default=plain, ensure_ascii=False, indent=2))
    return 0


def tell_preview(shown: Told, words: Catalogue) -> None:
    """What a file of members, groups, orders or coupons holds."""
    _head(shown, words)
    counts = {"new": shown.rows_new, "known": shown.rows_known, "doubtful": shown.rows_doubtful}
    rejected = sum(shown.rejected.values())
    print(words.text("importing.rows_told", read=shown.rows_read, rejected=rejected, **counts))
    if shown.rows_doubtful:
        print(words.text("importing.doubtful_told"))
    for name, count in shown.details.items():
        print(words.text(f"importing.detail.{name}", count=count))
    _rejected(shown.rejected, words)
    _counts("unknown_groups", shown.unknown_groups, words)
    _sample(shown.sample, words)
    if shown.lines:
        print(words.text("importing.lines"))
        print(shown.lines.rstrip())


def tell_events(shown: Preview, words: Catalogue) -> None:
    """What a file of events holds."""
    _head(shown, words)
    print(words.text("importing.events_told", read=shown.rows_read, actors=shown.actors))
    if shown.first_day:
        print(words.text("importing.days", first=shown.first_day, last=shown.last_day))
    for name in ("kinds", "unnamed", "groups", "unknown_groups"):
        _counts(name, getattr(shown, name), words)
    _rejected(shown.rejected, words)
    _sample(shown.sample, words)


def tell_done(kept: Kept, words: Catalogue) -> None:
    """What an import did, and how to take it back."""
    values = {"kept": kept.rows_kept, "quarantined": kept.rows_quarantined, "events": kept.events}
    print(words.text("importing.already" if kept.already else "importing.done", number=kept.import_id, **values))


def tell_list(rows: Sequence[ImportRow], words: Catalogue) -> None:
    """Every import, the newest first."""
    for row in rows:
        state = words.text("importing.stands" if row.undone_at is None else "importing.taken_back")
        kind = words.text(f"importing.kind.{row.kind}")
        print(words.text("importing.row", number=row.import_id, kind=kind, file=row.file_name, state=state))
        counts = {"read": row.rows_read, "kept": row.rows_kept, "quarantined": row.rows_quarantined}
        more = {"new": row.rows_new, "known": row.rows_known, "doubtful": row.rows_doubtful}
        print(words.text("importing.row_counts", on=f"{row.imported_at:%Y-%m-%d}", **counts, **more))
    if not rows:
        print(words.text("importing.none"))


def tell_undone(done: Undone, words: Catalogue) -> None:
    """What was taken back, or why nothing was."""
    values = {"number": done.row.import_id, "file": done.row.file_name}
    if not done.reasons:
        print(words.text("importing.undone", rows=done.rows, events=done.events, **values))
        return
    print(words.text("importing.not_undone", **values))
    for reason in done.reasons:
        which = _table(reason.which, words)
        print("  " + words.text(f"importing.why.{reason.name}", count=reason.count, which=which))


def _table(name: str, words: Catalogue) -> str:
    return words.text(f"importing.table.{name}") if words.has(f"importing.table.{name}") else name


def _head(shown: Told | Preview, words: Catalogue) -> None:
    print(words.text("importing.file", file=shown.file_name, described=shown.described))
    print(words.text(f"importing.columns.{shown.origin}"))
    for field, column in shown.columns.items():
        print(f"  {field} = {column}")
    if shown.unused:
        print(words.text("importing.unused", columns="、".join(shown.unused)))


def _rejected(rejected: Mapping[str, int], words: Catalogue) -> None:
    if rejected:
        print(words.text("importing.rejected"))
    for reason, count in list(rejected.items())[:MOST_LISTED]:
        key = f"importing.reason.{reason.replace(' ', '_')}"
        print(
            "  "
            + words.text("importing.reason_rows", reason=words.text(key) if words.has(key) else reason, count=count)
        )


def _counts(name: str, counts: Mapping[str, int], words: Catalogue) -> None:
    if counts:
        listed = [f"{one} {count:,}" for one, count in list(counts.items())[:MOST_LISTED]]
        more = " …" if len(counts) > len(listed) else ""
        print(words.text(f"importing.{name}", listed=", ".join(listed) + more))


def _sample(rows: Sequence[Mapping[str, str]], words: Catalogue) -> None:
    if rows:
        print(words.text("importing.sample"))
    for number, row in enumerate(rows, start=1):
        print(f"  {number}) " + "，".join(f"{name} {value}" for name, value in row.items() if value))
