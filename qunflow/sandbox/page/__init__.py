"""
The page on which a person plays the group owner, and the readable list of calls.

Only what people look at lives here; everything it does goes through the same addresses that tests use.
"""
