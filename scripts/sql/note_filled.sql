-- Every row has its vector of the new model: the index may be built.
UPDATE agent_memory.reembeddings SET filled_at = now() WHERE (table_name, column_name) = (%(table)s, %(column)s)
