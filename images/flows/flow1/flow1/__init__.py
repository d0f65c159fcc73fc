"""flow1, file processing: CSV files of a directory go into PostgreSQL, row by row.

Every row ends up in flow1.rows, or in flow1.rejects with the reason. Rows and the place reached in the file are
committed together, so after a crash or a stop the next run goes on at the row after the last one stored.
"""
