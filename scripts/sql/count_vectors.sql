-- Rows that an index will hold: those without a vector are not in it.
SELECT count(*) FROM {schema}.{table} WHERE {column} IS NOT NULL
