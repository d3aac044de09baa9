"""
The nouns every stage shares: playbooks and their slots, the calendar of a group, offers, money.

Pure: frozen dataclasses and functions of their arguments; files, clocks and databases are elsewhere.
"""
