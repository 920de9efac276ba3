-- Numbers for new rows of tables that are there.
GRANT USAGE, SELECT ON SEQUENCE {sequences} TO {role}
