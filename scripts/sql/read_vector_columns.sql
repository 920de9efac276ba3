-- Columns of vectors in tables with rows of their own, with the operator class of an index on each if there is one, and the key's columns.
SELECT n.nspname, c.relname, a.attname, t.typname, tn.nspname,
       (SELECT oc.opcname FROM pg_index AS i JOIN pg_opclass AS oc ON oc.oid = i.indclass[0] JOIN pg_am AS m ON m.oid = oc.opcmethod
        WHERE i.indrelid = c.oid AND m.amname IN ('hnsw', 'ivfflat')
          AND (i.indkey[0] = a.attnum OR pg_get_indexdef(i.indexrelid, 1, true) ~ ('^\(*"?' || a.attname || '"?\)*::'))
        ORDER BY i.indexrelid LIMIT 1),
       (SELECT array_agg(ka.attname::text ORDER BY k.place)
        FROM pg_index AS i
        CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute AS ka ON ka.attrelid = c.oid AND ka.attnum = k.number
        WHERE i.indrelid = c.oid AND i.indisprimary)
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relpersistence <> 't'
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_'
JOIN pg_type AS t ON t.oid = a.atttypid AND t.typname IN ('vector', 'halfvec')
JOIN pg_namespace AS tn ON tn.oid = t.typnamespace
JOIN pg_extension AS e ON e.extname = 'vector' AND e.extnamespace = tn.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, 2, a.attnum
