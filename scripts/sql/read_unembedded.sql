-- The next texts without a vector of the new model, in the order of the primary key.
SELECT {key}, {text}::text FROM {schema}.{table}
WHERE {column} IS NULL AND {text} IS NOT NULL AND {after}
ORDER BY {order} LIMIT {rows}
