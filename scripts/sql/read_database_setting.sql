-- What is set for all sessions in this database, whoever they are; no row where nothing is.
SELECT substr(setting, length(%(name)s) + 2)
FROM pg_db_role_setting AS d, unnest(d.setconfig) AS setting
WHERE d.setrole = 0
  AND d.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND starts_with(setting, %(name)s || '=')
