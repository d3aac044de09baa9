"""
The way in: callbacks, form and order hooks, short links, check-in and hand-send pages.

Everything that comes in is committed to the inbox before it is acknowledged, and nothing is made of it here: the
stages read the inbox. ``create_app`` builds the application; who serves it is left to the command line.
"""
