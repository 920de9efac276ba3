-- Who keeps even readers out of a table of this database, or waits to do so, with the table: who holds it before who waits.
SELECT activity.pid, coalesce(activity.usename, ''), coalesce(activity.application_name, ''), namespace.nspname || '.' || class.relname
FROM pg_locks
JOIN pg_stat_activity AS activity ON activity.pid = pg_locks.pid
JOIN pg_class AS class ON class.oid = pg_locks.relation
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE pg_locks.mode = 'AccessExclusiveLock' AND class.relkind IN ('r', 'p')
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY pg_locks.granted DESC, activity.xact_start
LIMIT 1
