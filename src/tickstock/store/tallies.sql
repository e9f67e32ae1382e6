-- name: holders
-- Who has calls of these loads in hand, how many, and until when the last of the leases is good.
SELECT load_id, worker, count(*), max(lease_until)
FROM tickstock.calls
WHERE load_id = ANY (%(ids)s) AND state = 'leased' AND lease_until >= clock_timestamp()
GROUP BY load_id, worker ORDER BY load_id, count(*) DESC

-- name: tally
-- Calls by state: the progress of loads is a query, never a counter that every call bumps. An
-- answer may bring sessions that were held before; they do not count as progress. The last column
-- is how many have ended since somebody last began.
SELECT c.load_id, c.state, count(*), sum(c.cells), coalesce(sum(least(c.held, c.cells)), 0),
       coalesce(sum(c.rows_new), 0), coalesce(sum(c.rows_changed), 0),
       count(*) FILTER (WHERE c.done_at >= l.active_since)
FROM tickstock.calls AS c JOIN tickstock.loads AS l ON l.id = c.load_id
WHERE c.load_id = ANY (%(ids)s) GROUP BY c.load_id, c.state

-- name: current
-- What is being asked right now.
SELECT kind, timeframe, symbol, lower(span), upper(span) FROM tickstock.calls
WHERE load_id = %(load_id)s AND state = 'leased' ORDER BY position LIMIT 1

-- name: call_errors
-- What went wrong, grouped by cause, with an example of each.
SELECT error_class, count(*), min(error), min(symbol), count(*) FILTER (WHERE state = 'failed')
FROM tickstock.calls
WHERE load_id = %(load_id)s AND error_class IS NOT NULL
GROUP BY error_class ORDER BY 2 DESC

-- name: failed_symbols
-- Whose calls failed; the symbol of a whole-market call is empty.
SELECT DISTINCT timeframe, symbol FROM tickstock.calls
WHERE load_id = %(load_id)s AND state = 'failed'
