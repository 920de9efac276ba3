-- Ours for as long as this session lives, or false: one post-provision at a time in a database.
SELECT pg_try_advisory_lock(%(kind)s, %(number)s)
