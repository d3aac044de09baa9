"""
A program that holds a database for so many seconds at a time, with a breath in between, until its input ends.

Arguments: database URL, seconds. Knows nothing of Qunflow. Says ``ready`` when it holds it for the first time.
"""

from __future__ import annotations

import select
import sys
import time

from sqlalchemy import create_engine, text

BREATH_S = 0.05


def main() -> None:
    """Hold, let go, hold."""
    url, seconds = sys.argv[1], float(sys.argv[2])
    sqlite = url.startswith("sqlite")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"timeout": 10} if sqlite else {})
    with engine.connect() as conn:
        first = True
        while True:
            conn.execute(text("BEGIN EXCLUSIVE" if sqlite else "BEGIN"))
            if not sqlite:
                conn.execute(text("LOCK TABLE targets IN ACCESS EXCLUSIVE MODE"))
            if first:
                print("ready", flush=True)
                first = False
            over = bool(select.select([sys.stdin], [], [], seconds)[0])
            conn.execute(text("COMMIT"))
            if over:
                return
            time.sleep(BREATH_S)


if __name__ == "__main__":
    main()
