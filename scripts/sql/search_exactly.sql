-- The nearest rows by comparing with every row; the session forbids index scans.
SELECT {column} {operator} %(query)s::{kind} AS distance FROM {schema}.{table}
WHERE {column} IS NOT NULL AND {searchable} ORDER BY {column} {operator} %(query)s::{kind} LIMIT {limit}
