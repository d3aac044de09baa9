"""
The matrix of intervals: of the actors of one interval, how many came back in each later one.

cell(i, 0) = actors with a target event in interval i; cell(i, j) = those of them with at least ``minimum_occurrences``
returning events in interval i + j, or, cumulative, in i + j or any later interval of the range. With the rule
``first_time`` an actor belongs only to the interval of the first target event ever, be it before the range.
Source: the rules of PostHog's retention query, as its tests state them.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from qunflow.retention.measuring.query import Query


def matrix_counts(targets: ir.Table, returns: ir.Table, query: Query, first: int) -> ir.Table:
    """
    Columns ``cohort`` (number of the interval), ``split``, ``distance`` in intervals, ``actors``.

    Args:
        targets, returns: events with ``interval``, as ``facts`` gives them, none of them after the range.
        first: the number of the first interval; earlier targets only tell who is not new.
    """
    cohorts = anchors(targets, query, first).select("actor", "cohort", "split")
    pairs = cohorts.join(_returned(returns, query, first), "actor")
    later = pairs.filter(pairs.returned > pairs.cohort)
    distances = later.select("cohort", "split", distance=later.returned - later.cohort)
    sizes = cohorts.select("cohort", "split", distance=ibis.literal(0, "int64"))
    counted = ibis.union(sizes, distances)
    return counted.group_by(["cohort", "split", "distance"]).aggregate(actors=counted.count())


def anchors(targets: ir.Table, query: Query, first: int) -> ir.Table:
    """One row per actor and cohort: ``actor``, ``cohort``, ``split`` and ``anchor_us``, its first target event."""
    by = ["actor"] if query.cohort_rule == "first_time" else ["actor", "interval"]
    # Later instants lie in later intervals, so the first interval is that of the first instant.
    interval = {} if "interval" in by else {"interval": targets.interval.min()}
    firsts = targets.group_by(by).aggregate(at_us=targets.at_us.min(), **interval)
    rows = firsts.filter(firsts.interval >= first)
    starts = rows.select("actor", cohort=rows.interval, anchor_us=rows.at_us)
    if not query.split_by:
        return starts.mutate(split=ibis.literal(""))
    # Of several values at one instant the first by text is taken.
    told = starts.join(targets, [("actor", "actor"), ("anchor_us", "at_us")])
    return told.group_by(["actor", "cohort", "anchor_us"]).aggregate(split=told.split.min())


def _returned(returns: ir.Table, query: Query, first: int) -> ir.Table:
    back = returns.filter(returns.interval >= first)
    often = back.group_by(["actor", "interval"]).aggregate(times=back.count())
    if query.minimum_occurrences > 1:
        often = often.filter(often.times >= query.minimum_occurrences)
    if query.cumulative:
        return often.group_by("actor").aggregate(returned=often.interval.max())
    return often.select("actor", returned=often.interval)
