"""What was done, and by whom: rows that are only ever added."""
