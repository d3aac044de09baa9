"""
A stand-in for WeCom and for a community of people, so that everything runs without the internet.

Two halves that never look into each other's state: the *platform* (`areas/`, `wire`, `tokens` ...) answers the calls
of ``reference/wecom-api.md`` with the documented errors; the *world* (`world/`) holds the people, who see nothing but
what the platform really delivered and answer through the product's own web addresses.

The sandbox is written apart from the connector it tests; only the callback cipher is shared.
"""
