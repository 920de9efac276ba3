"""Azure's roles inside a cluster, and its allow-list of extensions: SQL that the bootstrap superuser runs.

The allow-list is two event triggers in every template, so that each new database has them. They and their functions become members of
plpgsql, an extension that a dump leaves out: a dump of a local database carries nothing of ours. What the allow-list holds is read from
azure.conf by a function with the rights of its owner: a session's SET changes what SHOW tells and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

SUPERUSER = "azuresu"
ADMINS = "azure_pg_admin"
CODE = "0A000"
"""feature_not_supported: the code that Azure's refusal of an extension carries."""

GRANTED = ("pg_monitor", "pg_signal_backend", "pg_checkpoint", "pg_create_subscription")
"""What an administrator of Azure may do beyond its own objects."""

ROLES: Sequence[str] = (
    f"CREATE ROLE {ADMINS} NOLOGIN",
    *(f"GRANT {role} TO {ADMINS} WITH ADMIN OPTION" for role in GRANTED),
)
"""Once a cluster, first of all."""

DATABASES: Sequence[str] = (
    f"ALTER DATABASE postgres OWNER TO {ADMINS}",
    f"CREATE DATABASE azure_maintenance OWNER {SUPERUSER}",
    f"CREATE DATABASE azure_sys OWNER {SUPERUSER}",
    "REVOKE CONNECT ON DATABASE azure_maintenance FROM PUBLIC",
    "REVOKE CONNECT ON DATABASE azure_sys FROM PUBLIC",
)
"""Once a cluster, after the templates have their guard: the three databases are those that Azure brings."""

TEMPLATES = ("template1", "template0", "postgres")
"""Where the guard is put by hand. template0 too: a database may be made from it."""

_ALLOWED = """
CREATE FUNCTION pg_catalog.azure_extension_allowed(name text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM pg_file_settings, string_to_table(lower(setting), ',') AS listed
    WHERE pg_file_settings.name = 'azure.extensions' AND seqno = (SELECT max(seqno) FROM pg_file_settings WHERE name = 'azure.extensions')
      AND btrim(listed, E' "\\'\\t') = lower($1))
$$
"""

_REFUSE = f"""
CREATE FUNCTION pg_catalog.azure_refuse_extension(extension text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT azure_extension_allowed(extension) THEN
    RAISE EXCEPTION 'extension "%" is not allow-listed for "{ADMINS}" users in Azure Database for PostgreSQL', extension
      USING ERRCODE = '{CODE}', HINT = 'add it to the server parameter azure.extensions';
  END IF;
END $$
"""

_ON_START = f"""
CREATE FUNCTION pg_catalog.azure_on_extension_start() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('is_superuser') = 'off' AND NOT pg_has_role(current_user, '{ADMINS}', 'MEMBER') THEN
    RAISE EXCEPTION 'Only members of "{ADMINS}" are allowed to use %', tg_tag USING ERRCODE = 'insufficient_privilege';
  END IF;
END $$
"""

_ON_END = """
CREATE FUNCTION pg_catalog.azure_on_extension_end() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE found record;
BEGIN
  IF current_setting('is_superuser') = 'off' THEN
    FOR found IN SELECT extname FROM pg_event_trigger_ddl_commands() AS done JOIN pg_extension ON pg_extension.oid = done.objid
                 WHERE done.classid = 'pg_extension'::regclass LOOP
      PERFORM azure_refuse_extension(found.extname);
    END LOOP;
  END IF;
END $$
"""

_ON_DROP = """
CREATE FUNCTION pg_catalog.azure_on_extension_drop() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE found record;
BEGIN
  IF current_setting('is_superuser') = 'off' THEN
    FOR found IN SELECT object_name FROM pg_event_trigger_dropped_objects() WHERE object_type = 'extension' LOOP
      PERFORM azure_refuse_extension(found.object_name);
    END LOOP;
  END IF;
END $$
"""

_TAGS = "'CREATE EXTENSION', 'ALTER EXTENSION', 'DROP EXTENSION'"
_FUNCTIONS = (
    "azure_extension_allowed(text)",
    "azure_refuse_extension(text)",
    "azure_on_extension_start()",
    "azure_on_extension_end()",
    "azure_on_extension_drop()",
)
_TRIGGERS = ("azure_extension_start", "azure_extension_end", "azure_extension_drop")

GUARD: Sequence[str] = (
    "SET allow_system_table_mods = on",
    _ALLOWED,
    _REFUSE,
    _ON_START,
    _ON_END,
    _ON_DROP,
    f"CREATE EVENT TRIGGER azure_extension_start ON ddl_command_start WHEN TAG IN ({_TAGS}) EXECUTE FUNCTION azure_on_extension_start()",
    "CREATE EVENT TRIGGER azure_extension_end ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION', 'ALTER EXTENSION', 'COMMENT') "
    "EXECUTE FUNCTION azure_on_extension_end()",
    "CREATE EVENT TRIGGER azure_extension_drop ON sql_drop EXECUTE FUNCTION azure_on_extension_drop()",
    *(f"ALTER EVENT TRIGGER {trigger} ENABLE ALWAYS" for trigger in _TRIGGERS),
    *(f"ALTER EXTENSION plpgsql ADD FUNCTION pg_catalog.{function}" for function in _FUNCTIONS),
    *(f"ALTER EXTENSION plpgsql ADD EVENT TRIGGER {trigger}" for trigger in _TRIGGERS),
    f"GRANT CREATE ON SCHEMA public TO {ADMINS}",
)
"""Once in each of template1, template0 and postgres; roles must exist. `sql_drop` has no tag: DROP SCHEMA CASCADE drops extensions too."""
