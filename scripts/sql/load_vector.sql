-- Loads pgvector into this session: until then its settings are unknown names, which only a superuser may store.
SELECT '[1]'::vector
