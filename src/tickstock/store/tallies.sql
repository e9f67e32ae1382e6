-- name: holders
-- Who has calls of these loads in hand, how many, and until when the last of the leases is good.
SELECT load_id, worker, count(*) AS calls, max(lease_until) AS until
FROM tickstock.calls
WHERE load_id = ANY (%(ids)s) AND state = 'leased' AND lease_until >= clock_timestamp()
GROUP BY load_id, worker ORDER BY load_id, count(*) DESC

-- name: tally
-- Calls by state: the progress of loads is a query, never a counter that every call bumps. An
-- answer may bring sessions that were held before; they do not count as progress. `last_at` is when
-- the last call ended; `lately`, how many ended in the time before that since somebody last began: of
-- loads that are open, of others nobody asks.
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
       count(*) FILTER (WHERE c.done_at >= greatest(w.active_since, w.recent)) AS lately,
       max(c.done_at) AS last_at
FROM tickstock.calls AS c JOIN wanted AS w ON w.id = c.load_id
GROUP BY c.load_id, c.state

-- name: current
-- What is being asked right now.
SELECT kind, timeframe, symbol, lower(span) AS start, upper(span) AS "end" FROM tickstock.calls
WHERE load_id = %(load_id)s AND state = 'leased' ORDER BY position LIMIT 1

-- name: call_errors
-- What went wrong, grouped by cause, with an example of each.
SELECT error_class AS kind, count(*) AS calls, min(error) AS example, min(symbol) AS symbol,
       count(*) FILTER (WHERE state = 'failed') AS failed
FROM tickstock.calls
WHERE load_id = %(load_id)s AND error_class IS NOT NULL
GROUP BY error_class ORDER BY count(*) DESC

-- name: failed_symbols
-- Whose calls failed; the symbol of a whole-market call is empty.
SELECT DISTINCT timeframe, symbol FROM tickstock.calls
WHERE load_id = %(load_id)s AND state = 'failed'
