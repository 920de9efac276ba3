-- Stored vectors to search with, from pages all over the table; the same seed gives the same rows while the table does not change.
-- Only addresses are sorted, and only those of the sampled pages. What an index cannot hold is no question for it.
SELECT picked.address::text, picked.embedding::vector, {own_distance}
FROM (
  SELECT ctid AS address, {column} AS embedding, hashtextextended(ctid::text, {seed}) AS place
  FROM {schema}.{table} TABLESAMPLE SYSTEM ({share}) REPEATABLE ({seed})
  WHERE {column} IS NOT NULL
  ORDER BY place LIMIT 2 * {rows}
) AS picked
WHERE {searchable}
ORDER BY picked.place LIMIT {rows}
