-- name: heads
-- Loads that a client has named, which are open or ended within the window; how old each is, by
-- the clock of the database.
SELECT client_id, id AS load_id, state, finished_at,
       extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
FROM tickstock.loads
WHERE client_id IS NOT NULL
  AND (finished_at IS NULL OR finished_at > clock_timestamp() - %(window)s)
ORDER BY created_at

-- name: refusals
-- Refused jobs of the window that have not become a load since.
SELECT r.client_id, r.job_type, r.reason, r.created_at AS at,
       extract(epoch FROM clock_timestamp() - r.created_at)::float8 AS age
FROM tickstock.job_refusals AS r
WHERE r.created_at > clock_timestamp() - %(window)s
  AND NOT EXISTS (SELECT FROM tickstock.loads AS l WHERE l.client_id = r.client_id)
ORDER BY r.created_at

-- name: refuse
-- A job that becomes no load. The same refusal again (by a second bridge) changes nothing.
INSERT INTO tickstock.job_refusals AS r (client_id, job_type, reason)
VALUES (%(client_id)s, %(job_type)s, %(reason)s)
ON CONFLICT (client_id) DO UPDATE
SET job_type = EXCLUDED.job_type, reason = EXCLUDED.reason, created_at = clock_timestamp()
WHERE (r.job_type, r.reason) IS DISTINCT FROM (EXCLUDED.job_type, EXCLUDED.reason)

-- name: forget_refusals
-- What nobody asks about any more.
DELETE FROM tickstock.job_refusals WHERE created_at < clock_timestamp() - %(kept)s

-- name: open_of_clients
-- Every open load that came from a client.
SELECT id FROM tickstock.loads WHERE client_id IS NOT NULL AND finished_at IS NULL

-- name: symbols
-- Which symbols of a load are done with, before its verdict. A symbol is good when no call that
-- may be for it is open, failed or cancelled; a call for the whole market may be for any symbol.
WITH left_over AS (
    SELECT load_id, symbol, bool_or(state = 'failed') AS failed
    FROM tickstock.calls
    WHERE load_id = ANY (%(ids)s) AND state NOT IN ('done', 'replaced')
    GROUP BY load_id, symbol
)
SELECT i.load_id,
       array_agg(DISTINCT i.symbol) FILTER (WHERE own.symbol IS NULL AND market.symbol IS NULL)
           AS good,
       array_agg(DISTINCT i.symbol) FILTER (WHERE own.failed) AS failed
FROM tickstock.load_items AS i
LEFT JOIN left_over AS own ON own.load_id = i.load_id AND own.symbol = i.symbol
LEFT JOIN left_over AS market ON market.load_id = i.load_id AND market.symbol = ''
WHERE i.load_id = ANY (%(ids)s)
GROUP BY i.load_id
