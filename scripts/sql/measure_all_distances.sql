-- One pass over the table for all questions at once: each row's vector is read from its pages once, not once a question. Rows are told that
-- are at least as near as the question's bound, which a search through the index has found, so the exact neighbours are all among them.
-- OFFSET 0 keeps the planner from turning the loops round.
SELECT measured.question, measured.distance, count(*)
FROM (SELECT subvector({column}, 1, {dimensions}) AS embedding FROM {schema}.{table} WHERE {column} IS NOT NULL OFFSET 0) AS stored
CROSS JOIN LATERAL (
  SELECT asked.question, stored.embedding {operator} asked.embedding AS distance
  FROM unnest(%(questions)b::{kind}[], %(bounds)s::double precision[]) WITH ORDINALITY AS asked (embedding, bound, question)
  WHERE stored.embedding {operator} asked.embedding <= asked.bound
  OFFSET 0
) AS measured
GROUP BY measured.question, measured.distance
ORDER BY measured.question, measured.distance
