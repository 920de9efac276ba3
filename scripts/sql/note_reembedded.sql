-- How far the re-embedding of a column is: the key that it has come to, or none when it begins at the first row again.
UPDATE agent_memory.reembeddings SET after_key = %(after)s::text[], rows_done = rows_done + %(rows)s
WHERE (table_name, column_name) = (%(table)s, %(column)s)
