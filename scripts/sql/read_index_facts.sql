-- What the server has counted about the indexes and rows of some tables, and how much it can keep in memory, as one JSON document.
WITH relation AS (
  SELECT class.oid, class.relname, class.reltuples FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
  WHERE namespace.nspname = %(schema)s AND class.relname = ANY (%(tables)s::text[]) AND class.relkind IN ('r', 'p')
)
SELECT jsonb_build_object(
  -- Counters begin anew on a reset and after a crash; the second shows only in the counters of the whole server.
  'counted_days', (SELECT extract(epoch FROM now() - greatest(
                     (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
                     (SELECT stats_reset FROM pg_stat_bgwriter))) / 86400),
  'shared_buffers', pg_size_bytes(current_setting('shared_buffers')),
  'effective_cache', pg_size_bytes(current_setting('effective_cache_size')),
  'bits', CASE WHEN (SELECT typbyval FROM pg_type WHERE oid = 'int8'::regtype) THEN 64 ELSE 32 END,
  'tables', (SELECT coalesce(jsonb_agg(jsonb_build_object('table', relation.relname, 'dead', coalesce(stat.n_dead_tup, 0), 'live',
               -- Before the first ANALYZE the counter may know only the rows that came since a crash.
               CASE WHEN greatest(stat.last_analyze, stat.last_autoanalyze, stat.last_vacuum, stat.last_autovacuum) IS NULL
                    THEN greatest(relation.reltuples, stat.n_live_tup)::bigint ELSE stat.n_live_tup END)), '[]')
             FROM relation LEFT JOIN pg_stat_user_tables AS stat ON stat.relid = relation.oid),
  'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', stat.indexrelname, 'oid', stat.indexrelid::bigint, 'scans', stat.idx_scan,
                'idle_days', extract(epoch FROM now() - stat.last_idx_scan) / 86400)), '[]')
              FROM relation JOIN pg_stat_user_indexes AS stat ON stat.relid = relation.oid)
)
