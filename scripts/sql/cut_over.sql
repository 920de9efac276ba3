-- From now on the new column is the one to search.
UPDATE agent_memory.reembeddings SET cut_over_at = coalesce(cut_over_at, now()) WHERE (table_name, column_name) = (%(table)s, %(column)s)
