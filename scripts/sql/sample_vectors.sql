-- A sample of stored vectors from pages all over the table; it goes with its transaction.
CREATE TEMPORARY TABLE agentmem_sample ON COMMIT DROP AS
SELECT {column} AS embedding FROM {schema}.{table} TABLESAMPLE SYSTEM ({share}) REPEATABLE ({seed}) WHERE {column} IS NOT NULL LIMIT {rows}
