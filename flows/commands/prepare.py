"""
What a season needs before its first day: services up, a workspace that suits the sandbox, the past imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flows.commands import season as seasons
from flows.commands.season import Season
from flows.commands.services import Running, wait_ready
from qunflow.settings.scaffold import write_workspace

Told = Callable[[str], None]

EVENTS = "exports/events.csv"
LEADS = "leads/form-export.csv"
# The columns of the old tool's export, and what its words mean here.
MAPPING = {"actor": "成员ID", "event": "事件", "at": "时间", "group": "群ID", "amount": "金额"}
KINDS = {"入群": "join", "退群": "leave", "发言": "message", "打卡": "checkin", "点击": "click", "下单": "order"}


def workspace(season: Season, told: Told) -> None:
    """Sandbox and web running, workspace written, database made, 60 days of past imported."""
    credentials = seasons.new_secrets()
    told("sandbox")
    wait(seasons.start_all(season, [seasons.sandbox_service(season, credentials)]), told)
    variables = {**credentials, **seasons.addresses(season)}
    write_workspace(season.folder, seasons.ask(season, "/_sandbox/world"), seasons.FIRST_DAY, variables=variables)
    told("database")
    _make_database(season)
    web = seasons.start_all(season, [seasons.web_service(season)])
    told("import")
    _import_past(season)
    wait(web, told)


def wait(started: Sequence[Running], told: Told) -> None:
    """Wait for each started process to answer."""
    for running in started:
        told(running.service.name)
        wait_ready(running)


def _make_database(season: Season) -> None:
    from qunflow.settings.environment import load_environment
    from qunflow.store.migrate import upgrade

    upgrade(load_environment(season.folder).database_url)


def _import_past(season: Season) -> None:
    """The export of the tool the brand used before, brought in as any user would."""
    from qunflow import runtime
    from qunflow.store import members

    here = runtime.current()
    here.store.write(lambda conn: members.sync_groups(conn, here.workspace))
    for path, source in ((EVENTS, "events.csv"), (LEADS, "leads.csv")):
        target = season.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(seasons.ask(season, f"/_sandbox/export/{source}"))
