-- Tables with rows or partitions of their own and what decides how those may travel, one JSON document a table. A domain is seen as the
-- type beneath it; equality is that of an extension's own type, or PostgreSQL's; only foreign keys that no parent has are told.
WITH RECURSIVE relation AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind = 'p' AS partitioned, c.relispartition
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p')
    AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema'
    AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), unwrapped AS (
  SELECT DISTINCT a.atttypid AS type, a.atttypid AS base, -1 AS modifier, false AS strict
  FROM pg_attribute AS a
  JOIN relation AS r ON r.oid = a.attrelid
  WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT u.type, t.typbasetype, t.typtypmod, u.strict OR t.typnotnull
  FROM unwrapped AS u
  JOIN pg_type AS t ON t.oid = u.base AND t.typtype = 'd'
), kind AS (
  SELECT u.type, u.base, u.modifier, u.strict, t.typcategory = 'S' AND u.base <> 'name'::regtype AS is_text, e.nspname, e.oprname
  FROM unwrapped AS u
  JOIN pg_type AS t ON t.oid = u.base AND t.typtype <> 'd'
  LEFT JOIN LATERAL (
    SELECT n.nspname, o.oprname
    FROM pg_opclass AS c
    JOIN pg_am AS m ON m.oid = c.opcmethod AND m.amname = 'btree'
    JOIN pg_amop AS p ON p.amopfamily = c.opcfamily AND p.amoplefttype = u.base AND p.amoprighttype = u.base AND p.amopstrategy = 3
    JOIN pg_operator AS o ON o.oid = p.amopopr
    JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE c.opcintype = u.base AND c.opcdefault
  ) AS e ON true
)
SELECT jsonb_build_object(
  'schema', r.nspname, 'name', r.relname, 'partitioned', r.partitioned, 'is_partition', r.relispartition,
  'parents', (
    SELECT coalesce(jsonb_agg(jsonb_build_array(n.nspname, c.relname) ORDER BY i.inhseqno), '[]')
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhparent
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE i.inhrelid = r.oid
  ),
  'columns', (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'limit', CASE WHEN k.base IN ('varchar'::regtype, 'bpchar'::regtype) THEN nullif(greatest(a.atttypmod, k.modifier), -1) - 4 END,
      'is_text', k.is_text, 'equality', jsonb_build_array(coalesce(k.nspname, 'pg_catalog'), coalesce(k.oprname, '=')),
      'not_null', a.attnotnull OR k.strict, 'generated', a.attgenerated <> '',
      'in_key', EXISTS (
        SELECT FROM pg_index AS x
        WHERE x.indrelid = r.oid AND (x.indisunique OR x.indisexclusion)
          AND (a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1]) OR (a.attnum <> ALL (x.indkey::int2[]) AND EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
              AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND d.refobjsubid = a.attnum)))
      ),
      'in_partition_key', EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = a.attnum AND d.deptype = 'i'
          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND d.refobjsubid = 0
      )) ORDER BY a.attnum), '[]')
    FROM pg_attribute AS a
    JOIN kind AS k ON k.type = a.atttypid
    WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  ),
  'foreign_keys', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('table', jsonb_build_array(n.nspname, c.relname), 'pairs', (
        SELECT jsonb_agg(jsonb_build_array(mine.attname, theirs.attname, s.nspname, o.oprname) ORDER BY u.place)
        FROM unnest(f.conkey, f.confkey, f.conpfeqop) WITH ORDINALITY AS u (mine, theirs, operator, place)
        JOIN pg_attribute AS mine ON mine.attrelid = f.conrelid AND mine.attnum = u.mine
        JOIN pg_attribute AS theirs ON theirs.attrelid = f.confrelid AND theirs.attnum = u.theirs
        JOIN pg_operator AS o ON o.oid = u.operator
        JOIN pg_namespace AS s ON s.oid = o.oprnamespace
      )) ORDER BY f.conname), '[]')
    FROM pg_constraint AS f
    JOIN pg_class AS c ON c.oid = f.confrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE f.contype = 'f' AND f.conparentid = 0 AND f.conrelid = r.oid
  )
)
FROM relation AS r
ORDER BY r.nspname, r.relname
