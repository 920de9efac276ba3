-- The columns of a table, whether COPY may write them, and the function that sends them; NULL where an OID would be in what it sends.
SELECT a.attname, a.attgenerated = '', pn.nspname, p.proname
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_proc AS p ON p.oid = t.typsend AND t.typcategory <> 'A' AND t.typtype <> 'c' AND t.typname !~ '^reg'
LEFT JOIN pg_namespace AS pn ON pn.oid = p.pronamespace
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
