"""How a query over any table of events becomes a table of retention: Ibis expressions, one for every engine."""
