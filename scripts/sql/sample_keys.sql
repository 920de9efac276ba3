-- A few stored rows to ask with, the same ones wherever the same rows are: those whose keys have the smallest hashes.
SELECT {keys} FROM ONLY {table} WHERE {column} IS NOT NULL AND {norm} > 0
ORDER BY hash_record_extended(ROW({keys}), 0), {keys} LIMIT {limit}
