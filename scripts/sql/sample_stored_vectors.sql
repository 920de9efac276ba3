-- Stored vectors to search with: any of them, less those of length nothing, which no cosine index holds.
SELECT picked.embedding::vector
FROM (SELECT {column} AS embedding FROM {schema}.{table} WHERE {column} IS NOT NULL ORDER BY random() LIMIT {rows}) AS picked
WHERE vector_norm(picked.embedding::vector) > 0
