-- The server processes that build an index on a table, or whatever else keeps others from it, whether their client still waits or not.
-- A lock is held until the commit; what is told of a build's progress ends a moment before that.
SELECT DISTINCT lock.pid
FROM pg_locks AS lock
JOIN pg_class AS class ON class.oid = lock.relation
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE lock.granted AND lock.pid <> pg_backend_pid() AND lock.mode IN ('ShareLock', 'ShareUpdateExclusiveLock')
  AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND namespace.nspname = %(schema)s AND class.relname = %(table)s
