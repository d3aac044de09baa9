"""How the application is served: uvicorn without its access log, and a garbage collector that stops no request."""

from __future__ import annotations

import gc

from fastapi import FastAPI


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until stopped; blocks."""
    import uvicorn

    # A full collection walks everything that was imported and stops all requests for a tenth of a second. What is here
    # now stays as long as the process, so it need never be looked at.
    gc.collect()
    gc.freeze()
    # Uvicorn's access log would write codes and tokens; the guard writes routes instead.
    uvicorn.run(app, host=host, port=port, access_log=False, log_config=None, server_header=False)
