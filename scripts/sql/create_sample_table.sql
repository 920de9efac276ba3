-- A sample of made-up vectors; it goes with its transaction.
CREATE TEMPORARY TABLE agentmem_sample (embedding {kind}) ON COMMIT DROP
