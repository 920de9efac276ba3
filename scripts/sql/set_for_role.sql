-- A setting for sessions of a role in this database.
ALTER ROLE {role} IN DATABASE {database} SET {parameter} = {value}
