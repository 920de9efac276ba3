-- The server processes that build an index on a table, whether their client still waits for it or not.
SELECT progress.pid
FROM pg_stat_progress_create_index AS progress
JOIN pg_class AS class ON class.oid = progress.relid
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE progress.datname = current_database() AND namespace.nspname = %(schema)s AND class.relname = %(table)s
