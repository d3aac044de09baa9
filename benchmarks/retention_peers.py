"""
Peers on their own definition: run by the Python of the environment a peer is installed in, not by ours.

``PYTHON benchmarks/retention_peers.py NAME LOG`` prints JSON: the ``peer`` with its version, the ``definition`` as
``benchmarks.retention_ways`` names it, the ``table``, ``wall_s`` and ``cpu_s`` from opening the file to having the
numbers, and ``mb`` above the imports. It needs pandas, pyarrow and the peer:

    repeatradar==1.0.0 pandas==2.3.3 pyarrow            weekly cohorts × days of 24 hours, distinct actors
    retentioneering==3.3.0 'numpy<2' 'pyarrow<16'      weekly cohorts × weeks, shares of actors
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

WEEKS = 26
Numbers = list[list[int]]


def repeatradar(path: Path) -> Callable[[], Numbers]:
    """``generate_cohort_data``: rows are cohorts, columns days after the first event."""
    import pandas as pd
    from repeatradar import generate_cohort_data

    pd.read_parquet(path, columns=["actor"], filters=[("actor", "<", 0)])

    def table() -> Numbers:
        log = pd.read_parquet(path, columns=["actor", "at"])
        log["at"] = log["at"].dt.tz_localize(None)
        found = generate_cohort_data(log, "at", "actor", cohort_period="W", period_duration=1, output_format="long")
        cells = found.pivot(index="cohort_period", columns="period_number", values="metric_value")
        return [[int(n) for n in row] for row in cells.reindex(columns=range(WEEKS * 7), fill_value=0).to_numpy()]

    return table


def retentioneering(path: Path) -> Callable[[], Numbers]:
    """``cohorts``: shares of each cohort, turned back into actors by the cohort's size."""
    # It reports each use to its makers unless this is set.
    os.environ["RETENTIONEERING_NO_TRACK"] = "1"
    import pandas as pd
    from retentioneering.eventstream import Eventstream, RawDataSchema

    schema = RawDataSchema(user_id="actor", event_name="event", event_timestamp="at")
    firsts = pd.read_parquet(path, columns=["actor", "at"]).groupby("actor")["at"].min().dt.tz_localize(None)
    sizes = firsts.dt.to_period("W").value_counts().sort_index().tolist()

    def table() -> Numbers:
        log = pd.read_parquet(path, columns=["actor", "event", "at"])
        log["at"], log["event"] = log["at"].dt.tz_localize(None), log["event"].astype(str)
        stream = Eventstream(log, raw_data_schema=schema, add_start_end_events=False)
        shares = stream.cohorts("W", (1, "W"), average=False, show_plot=False).values.fillna(0).to_numpy()
        rows = zip(shares, sizes, strict=True)
        return [[round(share * size) for share in row[: WEEKS - i]] for i, (row, size) in enumerate(rows)]

    return table


# Each with the definition it answers.
PEERS: Mapping[str, tuple[Callable[[Path], Callable[[], Numbers]], str]] = {
    "repeatradar": (repeatradar, "weekly_by_day"),
    "retentioneering": (retentioneering, "weekly_by_week"),
}


def main(name: str, path: Path) -> dict[str, Any]:
    """Measure a peer once."""
    warnings.simplefilter("ignore")
    ready, definition = PEERS[name]
    table = ready(path)
    before_mb, started = _resident_mb(), (time.perf_counter(), time.process_time())
    cells = table()
    wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb
    told = f"{name} {version(name)}"
    return {"peer": told, "definition": definition, "table": cells, "wall_s": wall_s, "cpu_s": cpu_s, "mb": mb}


def _resident_mb() -> float:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
