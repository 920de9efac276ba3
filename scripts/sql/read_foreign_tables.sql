-- What stands in a target beside us: relations, routines and types of nobody's extension, outside our own schemas.
-- The columns of a partition key depend on their own table, hence objsubid: it is the whole table that has to depend on something.
SELECT namespace.nspname || '.' || class.relname
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND class.relpersistence <> 't'
  AND namespace.nspname !~ '^pg_' AND namespace.nspname NOT IN ('information_schema', 'agent_memory', 'agent_memory_transfer')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = class.oid
                  AND d.objsubid = 0 AND d.deptype IN ('e', 'i', 'a'))
ORDER BY 1
