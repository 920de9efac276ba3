-- As many candidates as the search looks at, by their bits, ordered again by their distances on the stored vectors.
SELECT near.distance, near.address, near.own_terms
FROM (SELECT {distance} AS distance, ctid::text AS address, {order} AS own_terms FROM {schema}.{table} ORDER BY {order} LIMIT {candidates}) AS near
ORDER BY near.distance LIMIT {limit}
