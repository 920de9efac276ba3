-- The same, without those that the server does not know.
SELECT set_config(wanted.name, wanted.value, false)
FROM unnest(%(names)s::text[], %(values)s::text[]) AS wanted (name, value)
JOIN pg_settings AS known ON lower(known.name) = wanted.name
