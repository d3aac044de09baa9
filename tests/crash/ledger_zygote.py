"""
Makes booking processes quickly: imports everything once, then forks one for each line of its input.

Argument: the database URL. A line is JSON: the deliveries (person, day, how often heard of), where to begin, and the
file into which each delivery that is dealt with is written. The test kills the children by their ids.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from qunflow.store import ledger
from qunflow.store.engine import Store
from qunflow.store.ledger import Entry
from qunflow.weekly_activity.points import checkin_points

AT = datetime(2026, 3, 2, tzinfo=UTC)
POINTS = 5


def book_all(url: str, deliveries: list[tuple[int, str]], begin: int, dealt_with: Path) -> None:
    """Book one delivery after the other, each in a transaction of its own, and note it only afterwards."""
    store = Store.open(url)
    with dealt_with.open("a") as notes:
        for number in range(begin, len(deliveries)):
            person_id, day = deliveries[number]
            one = checkin_points("n", "week", person_id, date.fromisoformat(day), POINTS)
            entry = Entry(one.event_key, "n", "points", one.reason, one.postings, one.person_of)
            store.write(lambda conn, entry=entry: ledger.book_many(conn, [entry], AT))
            notes.write(f"{number}\n")
            notes.flush()


def main() -> None:
    """Fork a booker for each line read; write its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            book_all(sys.argv[1], order["deliveries"], order["begin"], Path(order["dealt_with"]))
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
