"""
``qunflow web``: serve callbacks, hooks and phone pages.

One process and loopback by default; put a reverse proxy with https in front of it.
"""

from __future__ import annotations

import logging
import socket
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from qunflow.cli.options import WorkspaceOption
from qunflow.errors import ConfigurationError

if TYPE_CHECKING:
    from qunflow.runtime import Runtime
    from qunflow.web.ports import WebPorts

PortOption = Annotated[int, Parameter(help="端口 (port)")]
HostOption = Annotated[str, Parameter(help="监听地址,默认只在本机 (address to listen on)")]


def web(*, workspace: WorkspaceOption = None, port: PortOption = 8790, host: HostOption = "127.0.0.1") -> int:
    """Serve the callbacks, hooks and pages of a workspace until stopped."""
    from qunflow.runtime import open_runtime
    from qunflow.web.app import create_app
    from qunflow.web.serving import serve

    runtime = open_runtime(workspace)
    try:
        require_free(host, port)
        log_as_json()
        app = create_app(web_ports(runtime))
        serve(app, host, port)
    finally:
        runtime.close()
    return 0


def require_free(host: str, port: int) -> None:
    """Uvicorn would tell a taken port in its log only."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be used: {getattr(error, 'strerror', None) or error}",
            "give another --port (QUNFLOW_WEB_URL names the same), or stop what listens there",
        ) from error


def web_ports(runtime: Runtime) -> WebPorts:
    """What the web needs of a runtime; callbacks and hooks stay closed until their secrets are there."""
    from qunflow.cli.exporting import in_another_process
    from qunflow.connectors.wecom.crypto import CallbackCrypto
    from qunflow.rendering.lint import banned_words
    from qunflow.runtime.titles import slot_titles
    from qunflow.web.ports import WebPorts

    environment = runtime.environment
    crypto = None
    if environment.wecom_callback_token and environment.wecom_callback_aes_key:
        crypto = CallbackCrypto(
            token=environment.require("wecom_callback_token"),
            aes_key=environment.require("wecom_callback_aes_key"),
            receive_id=environment.require("wecom_corp_id"),
        )
    return WebPorts(
        store=runtime.store,
        vault=runtime.vault,
        clock=runtime.clock,
        workspace=runtime.workspace,
        language=runtime.language,
        crypto=crypto,
        hook_secret=environment.require("hook_secret") if environment.hook_secret else "",
        web_url=environment.web_url,
        banned_words=banned_words(runtime.templates.paths),
        titles=slot_titles(runtime.workspace, runtime.templates),
        exporter=in_another_process(runtime.directory),
    )


def log_as_json() -> None:
    """Write every log line as JSON to standard error; libraries that would log addresses keep to warnings."""
    from qunflow.web.logs import JsonLines

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
