-- Everything that the plan needs to know about this database, in one snapshot and one round trip, as one JSON document.
WITH me AS (
  SELECT oid, rolname, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user
), here AS (
  SELECT oid, datname, datdba FROM pg_database WHERE datname = current_database()
), application AS (
  SELECT oid, nspname FROM pg_namespace WHERE nspname = %(schema)s
), declared AS (
  SELECT DISTINCT table_name, column_name FROM unnest(%(tables)s::text[], %(columns)s::text[]) AS pair (table_name, column_name)
), relation AS (
  SELECT class.* FROM pg_class AS class JOIN application ON application.oid = class.relnamespace
  WHERE class.relkind IN ('r', 'p') AND class.relname = ANY (%(tables)s::text[])
), our_column AS (
  SELECT declared.table_name, declared.column_name, type.typname AS kind, nullif(attribute.atttypmod, -1) AS dimensions,
         -- An index that was made on the empty table has written down 0 rows; pages say better.
         CASE WHEN relation.reltuples > 0 OR pg_stat_get_live_tuples(relation.oid) > 0 OR relation.reltuples = 0 AND pg_relation_size(relation.oid) = 0
              THEN greatest(relation.reltuples, pg_stat_get_live_tuples(relation.oid))::bigint END AS estimate,
         relation.relkind = 'p' AS partitioned, pg_get_userbyid(relation.relowner) AS owner, pg_has_role(relation.relowner, 'USAGE') AS owned,
         (SELECT option_value::int FROM pg_options_to_table(relation.reloptions) WHERE option_name = 'parallel_workers') AS parallel_workers
  FROM declared
  JOIN relation ON relation.relname = declared.table_name
  LEFT JOIN pg_attribute AS attribute
    ON attribute.attrelid = relation.oid AND attribute.attname = declared.column_name AND attribute.attnum > 0 AND NOT attribute.attisdropped
  LEFT JOIN pg_type AS type ON type.oid = attribute.atttypid
), vector_index AS (
  SELECT class.relname AS name, relation.relname AS table_name, method.amname AS method, operator_class.opcname AS operator_class,
         pg_get_indexdef(index.indexrelid, 1, true) AS expression, index.indpred IS NOT NULL AS partial,
         coalesce(to_jsonb(class.reloptions), '[]') AS options, index.indisvalid, index.indisready, pg_relation_size(class.oid) AS size_bytes,
         obj_description(class.oid, 'pg_class') AS comment
  FROM relation
  JOIN pg_index AS index ON index.indrelid = relation.oid
  JOIN pg_class AS class ON class.oid = index.indexrelid
  JOIN pg_am AS method ON method.oid = class.relam
  JOIN pg_opclass AS operator_class ON operator_class.oid = index.indclass[0]
  WHERE method.amname IN ('hnsw', 'ivfflat', 'diskann') OR NOT index.indisvalid OR class.relname = ANY (%(index_names)s::text[])
), build AS (
  SELECT progress.pid, relation.relname AS table_name, coalesce(class.relname, '') AS index_name, progress.phase
  FROM pg_stat_progress_create_index AS progress
  JOIN relation ON relation.oid = progress.relid
  LEFT JOIN pg_class AS class ON class.oid = progress.index_relid
  WHERE progress.datid = (SELECT oid FROM here) AND progress.pid <> pg_backend_pid()
), own_table AS (
  SELECT to_regclass(format('%%I.%%I', %(own_schema)s::text, %(own_table)s::text)) AS oid, to_regnamespace(quote_ident(%(own_schema)s)) AS schema
), grantable AS (
  SELECT class.oid, class.relname AS name, class.relkind = 'S' AS is_sequence
  FROM pg_class AS class JOIN application ON application.oid = class.relnamespace
  WHERE class.relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_has_role(class.relowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = class.oid AND deptype = 'e')
), wanted AS (
  SELECT name, name = %(writer)s AS writes,
         CASE WHEN name = %(writer)s THEN ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] ELSE ARRAY['SELECT'] END AS on_tables,
         CASE WHEN name = %(writer)s THEN ARRAY['USAGE', 'SELECT'] ELSE ARRAY[]::text[] END AS on_sequences
  FROM unnest(%(roles)s::text[]) AS name
), granted_later AS (
  SELECT default_acl.defaclobjtype::text AS kind, entry.grantee, array_agg(entry.privilege_type) AS privileges
  FROM pg_default_acl AS default_acl CROSS JOIN aclexplode(default_acl.defaclacl) AS entry
  WHERE default_acl.defaclrole = (SELECT oid FROM me) AND default_acl.defaclnamespace = (SELECT oid FROM application)
  GROUP BY 1, 2
), role AS (
  SELECT wanted.name, role.oid IS NOT NULL AS present, coalesce(role.rolcanlogin, false) AS login,
         coalesce(pg_has_role(role.oid, 'MEMBER WITH ADMIN OPTION'), false) AS administered,
         coalesce((SELECT to_jsonb(setconfig) FROM pg_db_role_setting WHERE setrole = role.oid AND setdatabase = (SELECT oid FROM here)), '[]') AS settings,
         (SELECT coalesce(jsonb_agg(grantable.name ORDER BY grantable.name), '[]') FROM grantable
          WHERE NOT is_sequence AND NOT coalesce((SELECT bool_and(has_table_privilege(role.oid, grantable.oid, one)) FROM unnest(on_tables) AS one), false)) AS lacks_tables,
         (SELECT coalesce(jsonb_agg(grantable.name ORDER BY grantable.name), '[]') FROM grantable
          WHERE is_sequence AND writes
            AND NOT coalesce((SELECT bool_and(has_sequence_privilege(role.oid, grantable.oid, one)) FROM unnest(on_sequences) AS one), false)) AS lacks_sequences,
         coalesce(has_schema_privilege(role.oid, (SELECT oid FROM application), 'USAGE')
                  AND has_schema_privilege(role.oid, (SELECT schema FROM own_table), 'USAGE')
                  AND has_table_privilege(role.oid, (SELECT oid FROM own_table), 'SELECT'), false) AS schemas_usable,
         EXISTS (SELECT FROM granted_later WHERE kind = 'r' AND grantee = role.oid AND privileges @> on_tables)
           AND (NOT writes OR EXISTS (SELECT FROM granted_later WHERE kind = 'S' AND grantee = role.oid AND privileges @> on_sequences)) AS defaults
  FROM wanted LEFT JOIN pg_roles AS role ON role.rolname = wanted.name
)
SELECT jsonb_build_object(
  'database', (SELECT datname FROM here),
  'user', current_user,
  'server_version', current_setting('server_version'),
  'server_version_number', current_setting('server_version_num')::int,
  'superuser', (SELECT rolsuper FROM me),
  'create_role', (SELECT rolcreaterole FROM me),
  'create_schema', has_database_privilege(current_database(), 'CREATE'),
  'owns_database', (SELECT pg_has_role(datdba, 'USAGE') FROM here),
  'azure_administrator', (SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = 'azure_pg_admin'),
  'allow_list', current_setting('azure.extensions', true),
  'pending_restart', (SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM pg_settings WHERE pending_restart),
  'maintenance_work_mem_kib', (SELECT setting::bigint FROM pg_settings WHERE name = 'maintenance_work_mem'),
  'extensions', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'installed', installed_version, 'offered', default_version)), '[]')
                 FROM pg_available_extensions WHERE installed_version IS NOT NULL OR name = ANY (%(extensions)s::text[])),
  'columns', (SELECT coalesce(jsonb_agg(jsonb_build_object('table', table_name, 'column', column_name, 'kind', kind, 'dimensions', dimensions, 'rows', estimate,
                'partitioned', partitioned, 'parallel_workers', parallel_workers, 'owner', owner, 'owned', owned)), '[]') FROM our_column),
  'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'table', table_name, 'method', method, 'operator_class', operator_class,
                'expression', expression, 'partial', partial, 'options', options, 'valid', indisvalid, 'ready', indisready, 'size_bytes', size_bytes,
                'comment', comment)
                ORDER BY name), '[]') FROM vector_index),
  'taken_names', (SELECT coalesce(jsonb_agg(relname), '[]') FROM pg_class JOIN application ON application.oid = relnamespace
                  WHERE relname = ANY (%(index_names)s::text[])),
  'builds', (SELECT coalesce(jsonb_agg(jsonb_build_object('pid', pid, 'table', table_name, 'index', index_name, 'phase', phase)), '[]') FROM build),
  'roles', (SELECT jsonb_agg(jsonb_build_object('name', name, 'exists', present, 'login', login, 'administered', administered, 'settings', settings,
              'lacks_tables', lacks_tables, 'lacks_sequences', lacks_sequences, 'schemas_usable', schemas_usable, 'defaults', defaults)) FROM role),
  'database_settings', coalesce((SELECT to_jsonb(setconfig) FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = (SELECT oid FROM here)), '[]'),
  'provenance', (SELECT oid IS NOT NULL FROM own_table),
  'reembeddings', to_regclass(format('%%I.reembeddings', %(own_schema)s::text)) IS NOT NULL
)
