"""
每周活动: the rules of the week's challenge, its check-ins, streaks, points and awards.

Pure functions over dataclasses. Reading the inbox, booking in the ledger and sending the opening message belong to the
tasks; whether a message may leave belongs to ``qunflow.delivery``.
"""
