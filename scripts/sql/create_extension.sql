-- The server chooses the version: the one it offers by default, which is the newest that Azure has.
CREATE EXTENSION IF NOT EXISTS {name}
