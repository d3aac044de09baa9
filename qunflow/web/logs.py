"""
Log lines as JSON objects, one a line.

Only the constant sentence and the plain fields handed in are written; what looks like a line break or a control
character inside them stays inside its string.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

FIELDS = ("request_id", "method", "route", "status", "took_ms", "error")


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: at, level, logger, event and the known fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback is left out because its words may quote what somebody sent."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        return json.dumps(line, ensure_ascii=True)
