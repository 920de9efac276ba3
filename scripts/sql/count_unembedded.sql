-- Rows that searches would lose with the old column, and those of them that have no text.
SELECT count(*), count(*) FILTER (WHERE {text} IS NULL) FROM {schema}.{table} WHERE {from_column} IS NOT NULL AND {column} IS NULL
