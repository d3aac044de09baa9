"""
Counting honestly: stable assignment and intervals, used by every stage.

Pure functions over numbers and keys. Who is held out, what is sent and what is stored belong to stages and store.
"""
