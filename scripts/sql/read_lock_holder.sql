-- Who holds the lock of post-provision in this database, and since when its session is there.
SELECT activity.pid, coalesce(activity.usename, ''), coalesce(activity.client_addr::text, 'this machine'), activity.backend_start
FROM pg_locks
JOIN pg_stat_activity AS activity ON activity.pid = pg_locks.pid
WHERE locktype = 'advisory' AND granted AND classid = %(kind)s::oid AND objid = %(number)s::oid
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
