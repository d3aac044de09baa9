"""
The two weeks ahead, once a day: who sent beside Qunflow, and whether the quota still lasts for what is planned.

The figures come from ``qunflow.runtime.plan_ahead``; ``qunflow plan`` shows the same on the command line.
"""

from __future__ import annotations

from datetime import timedelta

from qunflow.delivery.beside import notice
from qunflow.language import Catalogue
from qunflow.runtime.plan_ahead import PlanAhead, plan_ahead
from qunflow.runtime.stage import StageRun
from tasks.checks import publish
from tasks.step import step

DAYS = timedelta(days=13)


@step("额度:后两周够不够", timeout_s=900)
def look_ahead(run: StageRun) -> dict[str, int]:
    """
    Count what staff sent by themselves, lay out the next two weeks and show which slots would be refused.

    Raises:
        TransientError: the platform does not answer.
    """
    beside = 0 if run.dry_run else notice(run.runtime.ports, run.now)
    found = plan_ahead(run.runtime, run.community, run.day, run.day + DAYS)
    words = run.runtime.language
    publish("plan-ahead", as_markdown(found, words), words.text("plan.title"))
    return {"sent_beside": beside, "will_be_refused": len(found.refused)}


def as_markdown(found: PlanAhead, words: Catalogue) -> str:
    """One sentence, what will be refused, and what each chat has left."""
    numbers = {"tasks": sum(one.left is not None for one in found.slots), "refused": len(found.refused)}
    lines = [words.text("plan.problem" if found.refused else "plan.enough", **numbers), ""]
    lines += [words.text("plan.unknown_year", year=year) for year in found.unknown_years]
    for one in found.refused:
        told = {"day": one.day.isoformat(), "slot": one.slot_key, "group": one.group, "why": one.refused}
        lines.append("- " + words.text("plan.refused", **told))
    names = [words.text(f"plan.column_{column}") for column in ("group", "period", "used", "planned", "left")]
    lines += ["", f"| {' | '.join(names)} |", "|---|---|---:|---:|---:|"]
    for chat in found.outlooks:
        lines.append(f"| {chat.group} | {chat.period.label} | {chat.used} | {chat.planned} | {chat.left} |")
    return "\n".join(lines)
