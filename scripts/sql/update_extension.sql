-- SQL objects of the version whose library the server has loaded already.
ALTER EXTENSION {name} UPDATE
