"""Measurements of speed, each beside a peer or a limit of the same run: ``./run bench NAME``."""
