-- Fills in vectors of the new model: never over one that is there, and not where the text has changed since it was read.
UPDATE {schema}.{table} AS memory SET {column} = given.vector::{type}
FROM unnest({arrays}) AS given ({names}, text, vector)
WHERE {same} AND memory.{column} IS NULL AND memory.{text}::text IS NOT DISTINCT FROM given.text
