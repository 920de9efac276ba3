-- The exact distances of the rows nearest to a stored one; the session forbids index scans.
SELECT {column} OPERATOR({room}.{operator}) asked.vector AS distance
FROM ONLY {table} CROSS JOIN (SELECT {column} AS vector FROM ONLY {table} WHERE {key}) AS asked
WHERE {column} IS NOT NULL AND {norm} > 0
ORDER BY 1 LIMIT {limit}
