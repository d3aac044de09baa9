"""
转化: who is likely to buy and why, when a campaign may show its offer, and what came of it.

Pure functions over dataclasses and plain rows. Reading history and orders, sending, and storing figures belong to the
tasks; whether a message may leave belongs to ``qunflow.delivery``.
"""
