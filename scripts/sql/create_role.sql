-- A role for logins to be members of; it has no password and cannot log in.
CREATE ROLE {role} NOLOGIN
