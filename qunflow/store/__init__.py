"""State (SQL), history (Parquet with a manifest) and the person vault."""
