"""
Bringing in what a brand has already: members, groups, orders, coupons and events out of files of any column names.

``files`` reads what is there, ``kinds`` and ``mapping`` say which column means what, ``sheet`` puts both together.
``members``, ``groups``, ``orders``, ``coupons`` and ``events`` judge the rows of their kind and write what is new;
``crowd`` says whose rows they are. ``record`` writes an import down with ``notes`` of what it changed, all in one
transaction, and ``undo`` takes it back. Rows that cannot be used are kept in quarantine with their reason; a file is
imported once, however often it is given.
"""
