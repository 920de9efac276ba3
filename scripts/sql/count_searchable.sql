-- Rows, rows without a vector, and rows whose vector has no length: a cosine index holds neither of the last two.
SELECT count(*), count(*) - count({column}), count(*) FILTER (WHERE vector_norm({column}::vector) = 0) FROM {schema}.{table}
