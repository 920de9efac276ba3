-- The columns of tables, each with its table's number: whether COPY may write them, the function that sends their digest's bytes (NULL where an OID would be in
-- them), and whether binary COPY of them holds the OID of a type or object that another server numbers otherwise.
SELECT a.attrelid, a.attname, a.attgenerated = '', pn.nspname, p.proname,
       t.typname ~ '^reg' OR bt.typname ~ '^reg' OR et.typname ~ '^reg'
       OR (bt.typcategory = 'A' AND bt.typelem >= 16384) OR bt.typtype = 'c' OR et.typtype = 'c'
       OR t.typsend = 0 OR t.typreceive = 0 OR bt.typtype = 'd' OR (bt.typtype IN ('r', 'm') AND bt.oid >= 16384)
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_type AS bt ON bt.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
LEFT JOIN pg_type AS et ON et.oid = bt.typelem AND bt.typcategory = 'A'
LEFT JOIN pg_proc AS p ON p.oid = t.typsend AND t.typcategory NOT IN ('A', 'C') AND t.typname !~ '^reg'
LEFT JOIN pg_namespace AS pn ON pn.oid = p.pronamespace
WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
