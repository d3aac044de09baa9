"""
Handing lists out as CSV, Excel or Parquet: what a text may do in a cell, what the lists are, and how files are written.

``writing.export`` takes any ``Listing``, so a page may hand out what it shows in the same way.
"""
