"""Starting and stopping a sandbox: in this process for `qunflow sandbox`, in a thread for tests and the demo."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING

from qunflow.errors import ConfigurationError
from qunflow.sandbox.options import Options
from qunflow.sandbox.server import HOST, Sandbox

if TYPE_CHECKING:
    import uvicorn

_START_S = 30.0
_YOUNG_OBJECTS = 50_000


def serve(options: Options, port: int) -> None:
    """Run until interrupted; loopback only."""
    listening = _listen(port)
    # Hundreds of thousands of records live as long as the process: looking through them again and again cost a quarter.
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    sandbox = Sandbox(options)
    gc.freeze()
    _server(sandbox, port).run(sockets=[listening])


@contextmanager
def running(options: Options, port: int = 0) -> Iterator[str]:
    """
    A sandbox in a thread of this process; gives its base address, e.g. ``http://127.0.0.1:40123``.

    Raises:
        ConfigurationError: when the port cannot be had.
    """
    listening = _listen(port)
    server = _server(Sandbox(options), port)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        _wait(server)
        yield f"http://{HOST}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _server(app: Sandbox, port: int) -> uvicorn.Server:
    import uvicorn

    settings = uvicorn.Config(
        app, host=HOST, port=port, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=3
    )
    return uvicorn.Server(settings)


def _listen(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it every answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ConfigurationError(f"port {port} cannot be used: {error.strerror}", "give another --port") from error
    return listening


def _wait(server: uvicorn.Server) -> None:
    patience = monotonic() + _START_S
    while not server.started:
        if monotonic() > patience:
            raise ConfigurationError("the sandbox did not start", "look at the messages above")
        sleep(0.01)
