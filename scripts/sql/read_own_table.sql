-- Whether a table of ours is there.
SELECT to_regclass(%(table)s) IS NOT NULL
