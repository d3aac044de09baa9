"""
Commands about the state database: which version it has, bring it up to date, compare what is stored with what was.
"""

from __future__ import annotations

from cyclopts import App

from qunflow.cli.options import WorkspaceOption

app = App(name="db", result_action="return_value")


@app.command
def status(*, workspace: WorkspaceOption = None) -> int:
    """查看版本:数据库是第几版,程序要第几版 (show the version). Exit code 3 when it is another one."""
    from qunflow.language import catalogue
    from qunflow.settings.environment import load_environment, workspace_directory
    from qunflow.store.engine import Store
    from qunflow.store.migrate import require_current, version_of

    environment = load_environment(workspace_directory(workspace))
    store = Store.open(environment.database_url)
    found = version_of(store)
    words = catalogue(environment.lang)
    version = found.found or words.text("database.empty")
    print(words.text("database.status", address=store.address, found=version, expected=found.expected))
    require_current(store)
    return 0


@app.command
def upgrade(*, workspace: WorkspaceOption = None) -> int:
    """升级:新建或升级到程序要的版本 (make or upgrade the tables)."""
    from qunflow.language import catalogue
    from qunflow.settings.environment import load_environment, workspace_directory
    from qunflow.store.engine import Store
    from qunflow.store.migrate import upgrade_store, version_of

    environment = load_environment(workspace_directory(workspace))
    store = Store.open(environment.database_url)
    before = version_of(store)
    after = upgrade_store(store)
    key = "database.current" if before.is_current else "database.upgraded"
    print(catalogue(environment.lang).text(key, address=store.address, found=after.found))
    return 0


@app.command
def verify(*, workspace: WorkspaceOption = None) -> int:
    """核对:历史文件逐个比对,账本必须平 (compare history files and the ledger with what was written)."""
    from qunflow.language import catalogue
    from qunflow.settings.environment import load_environment, workspace_directory
    from qunflow.store.engine import Store
    from qunflow.store.history import History
    from qunflow.store.ledger import require_balanced
    from qunflow.store.migrate import require_current

    environment = load_environment(workspace_directory(workspace))
    store = Store.open(environment.database_url)
    require_current(store)
    with store.reading() as conn:
        files = History(environment.history_dir, store).verify(conn)
        require_balanced(conn)
    print(catalogue(environment.lang).text("database.verified", files=files))
    return 0


@app.command
def replay(*, workspace: WorkspaceOption = None) -> int:
    """重放:从原始回调和群名单重新推算谁在群里,和现有记录比对,不写入 (work memberships out again and compare)."""
    from qunflow.language import catalogue
    from qunflow.runtime.replay import replayed
    from qunflow.settings.environment import load_environment, workspace_directory
    from qunflow.settings.workspace import load_workspace
    from qunflow.store.engine import Store
    from qunflow.store.migrate import require_current
    from qunflow.store.vault import Vault

    home = workspace_directory(workspace)
    environment = load_environment(home)
    store = Store.open(environment.database_url)
    require_current(store)
    vault = Vault(store, environment.master_key_bytes())
    words = catalogue(environment.lang)
    differing = 0
    for community in load_workspace(home).communities:
        with store.reading() as conn:
            found = replayed(conn, vault, community.key)
        differing += len(found.differing)
        counts = {"memberships": found.memberships, "differing": len(found.differing)}
        print(words.text("database.replayed", community=community.name, **counts))
        for group, person in found.differing[:20]:
            print(words.text("database.differs", group=group, person=person))
    return 1 if differing else 0
