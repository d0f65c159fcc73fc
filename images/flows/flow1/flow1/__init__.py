"""flow1, file processing: CSV files of a directory go into PostgreSQL, row by row.

Each file becomes a record, which is cut into parts, each a record again: so several workers share a large file. Every
row ends up in flow1.rows, or in flow1.rejects with the reason, together with the completion of its part.
"""

NAME = "flow1"
