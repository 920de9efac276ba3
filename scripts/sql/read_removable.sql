-- Everything in a database that no extension brought: kind and quoted name as DROP wants them. Schemas first, public's content after.
-- The columns of a partition key depend on their own table, hence objsubid: it is the whole table that has to depend on something.
WITH extended AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
holding AS (
  SELECT c.relnamespace AS room FROM extended JOIN pg_class AS c ON classid = 'pg_class'::regclass AND c.oid = objid
  UNION SELECT p.pronamespace FROM extended JOIN pg_proc AS p ON classid = 'pg_proc'::regclass AND p.oid = objid
  UNION SELECT t.typnamespace FROM extended JOIN pg_type AS t ON classid = 'pg_type'::regclass AND t.oid = objid),
rooms AS (
  SELECT oid, nspname, nspname = 'public' OR oid IN (SELECT room FROM holding) AS kept
  FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT 'SCHEMA', quote_ident(nspname), 0 FROM rooms WHERE NOT kept
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE'
       ELSE 'TABLE' END, format('%I.%I', nspname, relname), 1
FROM pg_class JOIN rooms ON rooms.oid = relnamespace AND kept
WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT relispartition AND relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid)
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = pg_class.oid
                  AND d.objsubid = 0 AND d.deptype IN ('i', 'a'))
UNION ALL
SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
       format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)), 2
FROM pg_proc JOIN rooms ON rooms.oid = pronamespace AND kept
WHERE NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid)
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = pg_proc.oid AND d.deptype = 'i')
UNION ALL
SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, format('%I.%I', nspname, typname), 3
FROM pg_type JOIN rooms ON rooms.oid = typnamespace AND kept
WHERE typtype IN ('e', 'd', 'r', 'c') AND (typrelid = 0 OR EXISTS (SELECT FROM pg_class AS c WHERE c.oid = typrelid AND c.relkind = 'c'))
  AND NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_type'::regclass AND objid = pg_type.oid)
ORDER BY 3, 2
