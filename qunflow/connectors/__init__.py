"""Connectors: the code that talks to a platform over HTTP. What may be sent, and when, is decided in ``delivery``."""
