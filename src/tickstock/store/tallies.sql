-- name: holders
-- Who has calls of these jobs in hand, how many, and until when the last of the leases is good.
SELECT load_id, worker, count(*) AS calls, max(lease_until) AS until
FROM tickstock.calls
WHERE load_id = ANY (%(ids)s) AND state = 'leased' AND lease_until >= clock_timestamp()
GROUP BY load_id, worker ORDER BY load_id, count(*) DESC

-- name: tally
-- Calls by state: the progress of jobs is a query, never a counter that every call bumps. An
-- answer may bring sessions that were held before; they do not count as progress. `last_at` is when
-- the last call ended; `lately`, how many ended in the time before that since somebody last began: of
-- jobs that are open, of others nobody asks. `unmade`: how many ended without having been asked;
-- `made`: how often the others were, of what was not counted once each.
WITH wanted AS MATERIALIZED (
    SELECT id, active_since,
           CASE WHEN finished_at IS NULL AND active_since IS NOT NULL THEN
               (SELECT max(done_at) FROM tickstock.calls WHERE load_id = l.id) - %(recent)s
           END AS recent
    FROM tickstock.loads AS l WHERE id = ANY (%(ids)s)
)
SELECT c.load_id, c.state, count(*) AS calls, sum(c.cells) AS cells,
       coalesce(sum(least(c.held, c.cells)), 0) AS held,
       coalesce(sum(c.rows_new), 0) AS rows_new, coalesce(sum(c.rows_changed), 0) AS rows_changed,
       count(*) FILTER (WHERE c.done_at >= greatest(w.active_since, w.recent)
                              AND c.asked IS DISTINCT FROM 0) AS lately,
       count(*) FILTER (WHERE c.asked = 0 OR c.asked IS NULL AND c.state = 'cancelled') AS unmade,
       coalesce(sum(coalesce(c.asked, (c.state <> 'cancelled')::int)), 0) AS made,
       max(c.done_at) AS last_at
FROM tickstock.calls AS c JOIN wanted AS w ON w.id = c.load_id
GROUP BY c.load_id, c.state

-- name: current
-- What is being asked right now.
SELECT kind, timeframe, symbol, lower(span) AS start, upper(span) AS "end" FROM tickstock.calls
WHERE load_id = %(load_id)s AND state = 'leased' ORDER BY position LIMIT 1

-- name: call_errors
-- What went wrong, grouped by cause, with an example of each; of calls that were made, if any were.
SELECT error_class AS kind,
       coalesce(nullif(count(*) FILTER (WHERE asked IS DISTINCT FROM 0), 0), count(*)) AS calls,
       coalesce(min(error) FILTER (WHERE asked > 0), min(error)) AS example,
       coalesce(min(symbol) FILTER (WHERE asked > 0), min(symbol)) AS symbol,
       count(*) FILTER (WHERE state = 'failed' AND asked IS DISTINCT FROM 0) AS failed
FROM tickstock.calls
WHERE load_id = %(load_id)s AND error_class IS NOT NULL
GROUP BY error_class ORDER BY count(*) DESC

-- name: failed_symbols
-- Whose calls failed; the symbol of a whole-market call is empty.
SELECT DISTINCT timeframe, symbol FROM tickstock.calls
WHERE load_id = %(load_id)s AND state = 'failed'
