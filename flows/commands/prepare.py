"""
What a season needs before its first day: services up, a workspace that suits the sandbox, the past imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flows.commands import season as seasons
from flows.commands.season import Season
from flows.commands.services import Running, wait_ready
from qunflow.settings.scaffold import write_workspace

Told = Callable[[str], None]

EVENTS = "exports/events.csv"
LEADS = "leads/form-export.csv"
# What the columns of the old tool's export are.
COLUMNS = "actor=成员ID,event=事件,at=时间,group=群ID,amount=金额"


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
    """The old tool's export, brought in as any user would; the form's export is left for its stage to find."""
    from qunflow import runtime
    from qunflow.store.importing.events import EventFile, import_events
    from qunflow.store.importing.mapping import parse_kinds, parse_map
    from qunflow.store.members import sync_groups

    here = runtime.current()
    here.store.write(lambda conn: sync_groups(conn, here.workspace))
    _fetch(season, "leads.csv", LEADS)
    events = EventFile(
        _fetch(season, "events.csv", EVENTS), parse_map(COLUMNS), parse_kinds(""), seasons.ZONE, "external_userid"
    )
    import_events(here.store, here.vault, here.history, events, here.workspace.communities[0], here.clock.now())


def _fetch(season: Season, name: str, path: str) -> Path:
    target = season.folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(seasons.ask(season, f"/_sandbox/export/{name}"))
    return target
