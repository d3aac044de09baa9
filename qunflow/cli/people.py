"""
``qunflow people``: look at persons who may be one, join them, keep them apart, and undo a wrong join.

Persons are shown by number and by what kinds of ids they have, never by name or phone; each act is in the audit log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from qunflow.cli.leaving import leaving
from qunflow.cli.opening import opened
from qunflow.cli.options import WorkspaceOption

if TYPE_CHECKING:
    pass

app = App(name="people", result_action="return_value")
app.command(leaving)

ByOption = Annotated[str, Parameter(help="谁做的,写进审计记录 (who does it)")]


@app.command
def review(*, workspace: WorkspaceOption = None) -> int:
    """待核对:可能是同一个人的两位,等人来定 (pairs somebody must decide about)."""
    from qunflow.store import merging

    with opened(workspace) as here:
        with here.store.reading() as conn:
            found = merging.reviews(conn)
            kinds = here.vault.kinds_of(conn, {who for one in found for who in (one.person_id, one.other_id)})
        print(here.language.text("people.reviews", count=len(found)))
        for one in found:
            print(
                here.language.text(
                    "people.review",
                    number=one.review_id,
                    reason=here.language.text(f"people.why.{one.reason}"),
                    one=one.person_id,
                    other=one.other_id,
                    kinds_one=", ".join(sorted(kinds[one.person_id])) or "-",
                    kinds_other=", ".join(sorted(kinds[one.other_id])) or "-",
                )
            )
    return 0


@app.command
def merge(kept: int, other: int, *, by: ByOption, workspace: WorkspaceOption = None) -> int:
    """合并:两个编号是同一个人,记录并到前一个 (make two numbers one person)."""
    from qunflow.acquisition.identity import Why
    from qunflow.runtime.identity import merge_people

    with opened(workspace) as here:
        now = here.clock.now()
        number = here.store.write(lambda conn: merge_people(conn, here, kept, other, Why.BY_HAND, by, now))
        print(here.language.text("people.merged", number=number, kept=kept, other=other))
    return 0


@app.command
def apart(review_id: int, *, by: ByOption, workspace: WorkspaceOption = None) -> int:
    """不是一个人:这一对以后不再问 (they are two persons). Exit code 1 when nothing was open."""
    from qunflow.store import merging

    with opened(workspace) as here:
        now = here.clock.now()
        done = here.store.write(lambda conn: merging.keep_apart(conn, review_id, by, now))
        print(here.language.text("people.apart" if done else "people.not_open", number=review_id))
    return 0 if done else 1


@app.command
def merges(*, workspace: WorkspaceOption = None) -> int:
    """已合并:哪些编号并到了一起,谁并的 (which merges stand)."""
    from qunflow.store import merging

    with opened(workspace) as here:
        with here.store.reading() as conn:
            found = merging.merges(conn)
        for one in found:
            why = here.language.text(f"people.why.{one.reason}")
            values = {"number": one.merge_id, "kept": one.kept_id, "other": one.merged_id, "by": one.merged_by}
            print(here.language.text("people.merge", **values, reason=why, on=f"{one.merged_at:%Y-%m-%d}"))
        print(here.language.text("people.merges", count=len(found)))
    return 0


@app.command
def split(merge_id: int, *, by: ByOption, workspace: WorkspaceOption = None) -> int:
    """拆开:并错了,把并过来的还回去 (undo a wrong merge)."""
    from qunflow.runtime.identity import split_people

    with opened(workspace) as here:
        now = here.clock.now()
        found = here.store.write(lambda conn: split_people(conn, here, merge_id, by, now))
        print(here.language.text("people.split", number=merge_id, kept=found.kept_id, other=found.merged_id))
    return 0
