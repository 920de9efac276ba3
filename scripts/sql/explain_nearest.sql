-- The plan of the query that the index was built for: same cast, same operator, ascending, with a limit.
EXPLAIN (FORMAT JSON)
SELECT FROM {schema}.{table} ORDER BY {expression} {operator} (array_fill(1::real, ARRAY[{dimensions}]))::{stored} LIMIT 10
