-- A setting for all sessions in this database: members of a role do not inherit the role's settings.
ALTER DATABASE {database} SET {parameter} = {value}
