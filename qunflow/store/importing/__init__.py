"""
Bringing in logs that other tools kept: files of any column names become events of the history.

``files`` reads what is there, ``mapping`` says which column means what, ``rows`` judges each row, ``memberships``
turns joins and leaves into stays, ``events`` puts it together in one transaction. Bad rows are kept in quarantine
with their reason; a file is imported once, however often it is given.
"""
