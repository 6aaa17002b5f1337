"""Other forms of a finished document: review pages, HTML, a searchable PDF, JSON lines, Parquet, a zip."""
