"""
The figures daily content writes, and its stage report as Markdown.

``delivery_rate``, ``overdue`` {owner} · ``slots_planned``, ``slots_delivered``, ``replies`` {group} ·
``lateness_p95_s``. Yesterday is written again with each run: what owners confirmed after it revises the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from qunflow.daily_content.completion import Completion, Push, completion_by, lateness_p95_s
from qunflow.daily_content.drafts import Written
from qunflow.language import Catalogue
from qunflow.report.charts import Bar, Part, as_data_uri, bars_svg
from qunflow.report.grading import Graded
from qunflow.runtime import telling
from qunflow.runtime.stage import StageRun
from qunflow.store.figures import Figure

STAGE = "daily_content"
SOURCE = "outbox"


def figures_of(
    community: str, day: date, pushes: Sequence[Push], key_of: Mapping[int, str], now: datetime
) -> list[Figure]:
    """Every figure of the stage for one day."""
    by_owner = completion_by(pushes, now, key="owner")
    by_group = completion_by(pushes, now, key="group_id")
    return [
        Figure(community, STAGE, "lateness_p95_s", day, lateness_p95_s(pushes), "seconds", SOURCE),
        *(one for owner, done in by_owner.items() for one in _of_owner(community, day, str(owner), done)),
        *(
            one
            for group, done in by_group.items()
            for one in _of_group(community, day, key_of.get(int(group), str(group)), done)
        ),
    ]


def _of_owner(community: str, day: date, owner: str, done: Completion) -> list[Figure]:
    at = {"owner": owner}
    return [
        Figure(
            community,
            STAGE,
            "delivery_rate",
            day,
            done.rate,
            "rate",
            SOURCE,
            at,
            done.delivered if done.ripe else 0,
            done.ripe,
        ),
        Figure(community, STAGE, "overdue", day, done.overdue, "count", SOURCE, at),
    ]


def _of_group(community: str, day: date, group: str, done: Completion) -> list[Figure]:
    at = {"group": group}
    counts = {"slots_planned": done.planned, "slots_delivered": done.delivered}
    found = [Figure(community, STAGE, name, day, value, "count", SOURCE, at) for name, value in counts.items()]
    # Replies are counted by a person in a ten-second form; where nobody counted there is no figure, not a 0.
    return [*found, Figure(community, STAGE, "replies", day, done.replies, "count", "hand count", at)]


def stage_report(run: StageRun, written: Written, today: Sequence[Push], yesterday: Sequence[Push]) -> str:
    """The report of one run for the Prefect UI: what is planned, what is missing, how yesterday ended by owner."""
    words, key, days = run.runtime.language, run.community.key, (run.day, run.day - timedelta(days=1))
    graded, before = (telling.graded(run.runtime, key, day) for day in days)
    parts = [
        f"# {words.text('daily_content.report')}",
        words.text("daily_content.head", community=run.community.name, day=run.day.isoformat()),
        graded.head(words),
        words.text("daily_content.planned", slots=written.slots, written=len(written.drafts), queued=len(today))
        + graded.beside(),
        *_missing(written, words),
        *_completion(yesterday, run.now, before, words),
    ]
    return "\n\n".join(parts) + "\n"


def _missing(written: Written, words: Catalogue) -> list[str]:
    told = [
        ("broken", [f"{one.ref}: {one.problem}".replace("\n", " ") for one in written.broken]),
        ("held", list(written.held)),
        ("for_persons", list(written.for_persons)),
    ]
    return [
        "\n".join([f"## {words.text(f'daily_content.{name}')}", "", *(f"- {line}" for line in lines)])
        for name, lines in told
        if lines
    ]


def _completion(pushes: Sequence[Push], now: datetime, graded: Graded, words: Catalogue) -> list[str]:
    by_owner = completion_by(pushes, now, key="owner")
    if not by_owner:
        return []
    title = words.text("daily_content.completion")
    bars = [
        Bar(
            str(owner),
            (
                Part(words.text("daily_content.delivered"), done.delivered, "good"),
                Part(words.text("daily_content.open"), done.planned - done.ripe, "wait"),
                Part(words.text("daily_content.overdue"), done.overdue, "bad"),
            ),
            "" if done.rate is None else f"{done.rate:.0%}{graded.beside()}",
            full=done.planned,
        )
        for owner, done in sorted(by_owner.items(), key=lambda item: str(item[0]))
    ]
    return [f"## {title}", f"![{title}]({as_data_uri(bars_svg(bars, title=title))})"]
