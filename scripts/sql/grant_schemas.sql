-- Names in the application's schema and in ours can be seen.
GRANT USAGE ON SCHEMA {schema}, {own_schema} TO {role}
