-- About how many rows a table with this column has; no row without such a table or column.
SELECT greatest(class.reltuples, pg_stat_get_live_tuples(class.oid))::bigint
FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attname = %(column)s AND NOT attribute.attisdropped
WHERE namespace.nspname = %(schema)s AND class.relname = %(table)s AND class.relkind IN ('r', 'p', 'm')
