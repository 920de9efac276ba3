-- What the vectors of one column are like, in one pass; lengths with nine digits, so that the order of rows does not show.
SELECT coalesce((SELECT json_object_agg(dimensions, counted ORDER BY dimensions) FROM
                 (SELECT {room}.vector_dims({column}) AS dimensions, count(*) AS counted FROM ONLY {table}
                  WHERE {column} IS NOT NULL GROUP BY 1) AS d), '{{}}'::json),
       count(*), count(*) FILTER (WHERE {column} IS NULL), count(*) FILTER (WHERE length = 0),
       round(min(length)::numeric, 9)::float8, round(avg(length)::numeric, 9)::float8, round(max(length)::numeric, 9)::float8
FROM ONLY {table} CROSS JOIN LATERAL (SELECT {norm}) AS l (length)
