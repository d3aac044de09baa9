"""Alembic's folder: ``env.py`` says on which connection revisions run, ``versions`` holds them."""
