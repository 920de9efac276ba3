-- What a build on this server will meet: bytes in use by the databases, and the oldest open transaction of this one, for whose end a
-- concurrent build has to wait.
SELECT (SELECT coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database WHERE has_database_privilege(oid, 'CONNECT')),
       oldest.pid, oldest.seconds, oldest.application
FROM (SELECT) AS always LEFT JOIN LATERAL (
  SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::int AS seconds, coalesce(application_name, '') AS application
  FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - interval '60 seconds'
  ORDER BY xact_start LIMIT 1
) AS oldest ON true
