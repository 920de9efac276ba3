-- Anybody who searches may ask which model filled what.
GRANT SELECT ON {own_schema}.{own_table} TO {role}
