-- Gives an index another name; searches and writes go on meanwhile.
ALTER INDEX {schema}.{index} RENAME TO {name}
