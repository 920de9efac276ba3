-- What the role may do with tables that are there.
GRANT {privileges} ON TABLE {tables} TO {role}
