-- The nearest rows as the index orders them, with their distances on the stored vectors, and where they lie.
SELECT {distance} AS distance, ctid::text AS address, {order} AS own_terms FROM {schema}.{table} ORDER BY {order} LIMIT {limit}
