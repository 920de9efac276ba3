-- Pages of the table's main fork: vectors are mostly not in it.
SELECT pg_relation_size(format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass) / current_setting('block_size')::int
