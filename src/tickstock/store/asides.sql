-- name: note_of_call
-- Rows of the answer to one call for bars that were quarantined; of its last answer, where it is asked
-- again.
INSERT INTO tickstock.rows_aside (load_id, of_call, rows, first)
SELECT load_id, %(of_call)s, %(rows)s, %(first)s FROM tickstock.calls WHERE id = %(id)s
ON CONFLICT (load_id, of_call) DO UPDATE SET rows = excluded.rows, first = excluded.first

-- name: note_of_load
-- The same of an answer with splits or dividends.
INSERT INTO tickstock.rows_aside (load_id, of_call, rows, first)
VALUES (%(load_id)s, %(of_call)s, %(rows)s, %(first)s)
ON CONFLICT (load_id, of_call) DO UPDATE SET rows = excluded.rows, first = excluded.first

-- name: of_load
-- How many rows of a job's answers were put aside, and one of each of the first few answers.
SELECT coalesce(sum(rows), 0)::bigint,
       coalesce((array_agg(of_call || ', ' || first ORDER BY of_call))[1:%(most)s], '{}')
FROM tickstock.rows_aside WHERE load_id = %(load_id)s
