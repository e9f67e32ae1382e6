-- name: heads
-- Jobs that a client has named, which are open or ended within the window; how old each is, by
-- the clock of the database.
SELECT client_id, id AS load_id, state, finished_at,
       extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
FROM tickstock.loads
WHERE client_id IS NOT NULL
  AND (finished_at IS NULL OR finished_at > clock_timestamp() - %(window)s)
ORDER BY created_at

-- name: refusals
-- Refused jobs of the window that have not become a job since.
SELECT r.client_id, r.job_type, r.reason, r.created_at AS at,
       extract(epoch FROM clock_timestamp() - r.created_at)::float8 AS age
FROM tickstock.job_refusals AS r
WHERE r.created_at > clock_timestamp() - %(window)s
  AND NOT EXISTS (SELECT FROM tickstock.loads AS l WHERE l.client_id = r.client_id)
ORDER BY r.created_at

-- name: refuse
-- A job that becomes no job. The same refusal again (by a second bridge) changes nothing.
INSERT INTO tickstock.job_refusals AS r (client_id, job_type, reason)
VALUES (%(client_id)s, %(job_type)s, %(reason)s)
ON CONFLICT (client_id) DO UPDATE
SET job_type = EXCLUDED.job_type, reason = EXCLUDED.reason, created_at = clock_timestamp()
WHERE (r.job_type, r.reason) IS DISTINCT FROM (EXCLUDED.job_type, EXCLUDED.reason)

-- name: forget_refusals
-- What nobody asks about any more.
DELETE FROM tickstock.job_refusals WHERE created_at < clock_timestamp() - %(kept)s

-- name: open_of_clients
-- Every open job that came from a client.
SELECT id FROM tickstock.loads WHERE client_id IS NOT NULL AND finished_at IS NULL

-- name: symbols
-- Which symbols of a job are done with, before its verdict. A symbol is good when no call that
-- may be for it is open, failed or cancelled: one under any ticker that it had on the days of the
-- call, or one for the whole market.
WITH left_over AS MATERIALIZED (
    SELECT load_id, symbol, span, state = 'failed' AS failed
    FROM tickstock.calls
    WHERE load_id = ANY (%(ids)s) AND state NOT IN ('done', 'replaced')
), own AS (
    SELECT o.load_id, t.instrument_id, bool_or(o.failed) AS failed
    FROM left_over AS o JOIN tickstock.tickers AS t ON t.symbol = o.symbol AND t.valid && o.span
    WHERE o.symbol <> ''
    GROUP BY o.load_id, t.instrument_id
), market AS (
    SELECT DISTINCT load_id FROM left_over WHERE symbol = ''
)
SELECT i.load_id,
       array_agg(DISTINCT i.symbol) FILTER (WHERE own.load_id IS NULL AND market.load_id IS NULL)
           AS good,
       array_agg(DISTINCT i.symbol) FILTER (WHERE own.failed) AS failed
FROM tickstock.load_items AS i
LEFT JOIN own ON own.load_id = i.load_id AND own.instrument_id = i.instrument_id
LEFT JOIN market ON market.load_id = i.load_id
WHERE i.load_id = ANY (%(ids)s)
GROUP BY i.load_id
