-- Who keeps even readers out of a table.
SELECT activity.pid, coalesce(activity.usename, ''), coalesce(activity.application_name, '')
FROM pg_locks
JOIN pg_stat_activity AS activity ON activity.pid = pg_locks.pid
JOIN pg_class ON pg_class.oid = pg_locks.relation
WHERE pg_locks.granted AND pg_locks.mode = 'AccessExclusiveLock' AND pg_class.relname = %(table)s
  AND pg_class.relnamespace = to_regnamespace(%(schema)s) AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
LIMIT 1
