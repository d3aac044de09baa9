"""
The calls, one module an area; `TABLE` is all of them by path.

A new area is a module with ``ENDPOINTS`` and one more line here.
"""

from __future__ import annotations

from qunflow.sandbox import tokens
from qunflow.sandbox.areas import (
    acquisition_links,
    albums,
    app_messages,
    contact_ways,
    contacts,
    group_welcome,
    groups,
    ids_of_others,
    join_ways,
    mass,
    media,
    members,
    moments,
    robots,
    sensitive_words,
    statistics,
    tags,
    transfer,
    welcome,
)
from qunflow.sandbox.routing import Endpoint

_AREAS = (
    tokens,
    members,
    contacts,
    tags,
    contact_ways,
    groups,
    join_ways,
    welcome,
    group_welcome,
    moments,
    albums,
    mass,
    app_messages,
    media,
    statistics,
    acquisition_links,
    sensitive_words,
    transfer,
    robots,
    ids_of_others,
)

TABLE: dict[str, Endpoint] = {endpoint.path: endpoint for area in _AREAS for endpoint in area.ENDPOINTS}
