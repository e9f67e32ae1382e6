-- name: add_load
-- A submitted job; a client's id that is known already adds nothing.
INSERT INTO tickstock.loads
    (id, client_id, title, requested_by, request, summary, vendor, priority, parent_id)
VALUES (%(id)s, %(client_id)s, %(title)s, %(requested_by)s, %(request)s, %(summary)s, %(vendor)s,
        %(priority)s, %(parent_id)s)
ON CONFLICT (client_id) DO NOTHING
RETURNING id

-- name: announce
-- Wake those who listen: one notification per submit and per cancel, never per call.
SELECT pg_notify('tickstock_load', %(load_id)s)

-- name: lock_open
-- A job that has not ended, for whoever looks again at what it was answered.
SELECT id FROM tickstock.loads WHERE id = %(load_id)s AND finished_at IS NULL FOR UPDATE

-- name: in_vain
-- Whether it makes sense to ask the vendor for more: not with a key that was refused, nor when calls
-- failed and none was answered.
SELECT count(*) FILTER (WHERE error_class = 'CredentialsRefused') > 0
       OR count(*) FILTER (WHERE state = 'failed') > 0 AND count(*) FILTER (WHERE state = 'done') = 0
FROM tickstock.calls WHERE load_id = %(load_id)s

-- name: finish_load
-- The verdict, once, and not while somebody asks for the splits and dividends.
UPDATE tickstock.loads
SET state = %(state)s, message = %(message)s, report = %(report)s, finished_at = clock_timestamp(),
    started_at = coalesce(started_at, clock_timestamp()), paused_at = NULL
WHERE id = %(load_id)s AND finished_at IS NULL
  AND NOT EXISTS (SELECT FROM tickstock.calls
                  WHERE load_id = %(load_id)s AND state IN ('waiting', 'leased'))
  AND NOT EXISTS (SELECT FROM tickstock.load_actions
                  WHERE load_id = %(load_id)s AND state = 'running')
RETURNING id

-- name: cancel_load
-- Ends a job that has not ended; what is done stays done.
UPDATE tickstock.loads
SET state = 'cancelled', cancel_at = clock_timestamp(), finished_at = clock_timestamp(),
    message = %(message)s, paused_at = NULL
WHERE id = %(load_id)s AND finished_at IS NULL
RETURNING id

-- name: fail_load
-- Ends a job by a fault, without a report; where calls of it are open, or somebody else asks for
-- its splits and dividends, only if they are to end too.
UPDATE tickstock.loads
SET state = 'failed', finished_at = clock_timestamp(), message = %(message)s, report = NULL,
    started_at = coalesce(started_at, clock_timestamp()), paused_at = NULL
WHERE id = %(load_id)s AND finished_at IS NULL
  AND (%(with_open)s
       OR NOT EXISTS (SELECT FROM tickstock.calls
                      WHERE load_id = %(load_id)s AND state IN ('waiting', 'leased'))
          AND NOT EXISTS (SELECT FROM tickstock.load_actions
                          WHERE load_id = %(load_id)s AND state = 'running'
                            AND lease_until >= clock_timestamp()))
RETURNING id

-- name: cancel_calls
-- The raised fence refuses whoever is still at work on one of them.
WITH rest AS (
    SELECT id FROM tickstock.calls WHERE load_id = %(load_id)s AND state IN ('waiting', 'leased')
    ORDER BY id FOR UPDATE
)
UPDATE tickstock.calls AS c
SET state = 'cancelled', fence = c.fence + 1, lease_until = NULL, done_at = clock_timestamp()
FROM rest WHERE c.id = rest.id

-- name: lock_load
-- Whoever changes a job and its calls locks the job first.
SELECT id FROM tickstock.loads WHERE id = %(load_id)s FOR UPDATE

-- name: reopen_calls
-- Retry: only what failed or was cancelled.
UPDATE tickstock.calls
SET state = 'waiting', attempt = 0, lost = 0, not_before = NULL, lease_until = NULL, done_at = NULL,
    error = NULL, error_class = NULL
WHERE load_id = %(load_id)s AND state IN ('failed', 'cancelled')

-- name: reopen_load
-- A finished job with calls to repeat goes back to the start.
UPDATE tickstock.loads
SET state = 'submitted', finished_at = NULL, cancel_at = NULL, message = '', report = NULL
WHERE id = %(load_id)s AND finished_at IS NOT NULL
RETURNING id

-- name: pause_load
-- No call of a paused job is claimed.
UPDATE tickstock.loads SET paused_at = clock_timestamp()
WHERE id = %(load_id)s AND finished_at IS NULL AND paused_at IS NULL
RETURNING id

-- name: pause_calls
-- What is in hand waits again, at once; the raised fence refuses whoever is still at work on it.
WITH held AS (
    SELECT id FROM tickstock.calls WHERE load_id = %(load_id)s AND state = 'leased'
    ORDER BY id FOR UPDATE
)
UPDATE tickstock.calls AS c
SET state = 'waiting', fence = c.fence + 1, worker = NULL, lease_until = NULL
FROM held WHERE c.id = held.id

-- name: unpause_load
-- Calls of the job may be claimed again.
UPDATE tickstock.loads SET paused_at = NULL
WHERE id = %(load_id)s AND finished_at IS NULL AND paused_at IS NOT NULL
RETURNING id

-- name: is_paused
-- Whether calls of the job may not be claimed.
SELECT paused_at IS NOT NULL FROM tickstock.loads WHERE id = %(load_id)s

-- name: begin_activity
-- Somebody begins to work on a job on which nobody else is at work, nor was a moment ago: a slice
-- that follows another one goes on with the pace.
UPDATE tickstock.loads SET active_since = clock_timestamp()
WHERE id = (SELECT id FROM tickstock.loads WHERE id = %(load_id)s FOR UPDATE SKIP LOCKED)
  AND NOT EXISTS (SELECT FROM tickstock.calls
                  WHERE load_id = %(load_id)s AND state = 'leased'
                    AND lease_until >= clock_timestamp() AND worker <> %(worker)s)
  AND (active_since IS NULL OR NOT EXISTS (
       SELECT FROM tickstock.calls
       WHERE load_id = %(load_id)s AND done_at >= clock_timestamp() - interval '1 minute'))

-- name: prune
-- Finished jobs of before a time, with their calls; bars, coverage and gaps stay as they are.
DELETE FROM tickstock.loads WHERE finished_at < %(before)s

-- name: count_prunable
-- How many jobs `prune` would remove.
SELECT count(*) FROM tickstock.loads WHERE finished_at < %(before)s

-- name: load
-- One job by its id.
SELECT id, client_id, title, requested_by, request, summary, vendor, priority, state, message,
       report, created_at, started_at, finished_at, paused_at, active_since, parent_id
FROM tickstock.loads WHERE id = %(load_id)s

-- name: loads_of_clients
-- The jobs that clients have named exactly so.
SELECT client_id, id FROM tickstock.loads WHERE client_id = ANY (%(client_ids)s)

-- name: loads_by_id
-- Several jobs, oldest first.
SELECT id, client_id, title, requested_by, request, summary, vendor, priority, state, message,
       report, created_at, started_at, finished_at, paused_at, active_since, parent_id
FROM tickstock.loads WHERE id = ANY (%(ids)s) ORDER BY created_at

-- name: find
-- The job whose client named it so, before those whose id starts so.
SELECT id, client_id IS NOT DISTINCT FROM %(text)s AS named FROM tickstock.loads
WHERE id::text LIKE %(prefix)s OR client_id = %(text)s
ORDER BY named DESC, created_at DESC LIMIT 2

-- name: loads
-- The newest jobs, or in another order; optionally of one state, requester or timeframe, older than
-- a time, with a text in title, requester or the name of the universe.
SELECT id, client_id, title, requested_by, request, summary, vendor, priority, state, message,
       report, created_at, started_at, finished_at, paused_at, active_since, parent_id
FROM tickstock.loads
WHERE (%(state)s::text IS NULL OR state = %(state)s)
  AND (position(lower(%(text)s) IN lower(title || ' ' || requested_by)) > 0
       OR title IN (SELECT type || ':' || key FROM public.cache_entries
                    WHERE %(text)s <> '' AND position(lower(%(text)s) IN lower(name)) > 0))
  AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s)
  AND (%(by)s = '' OR lower(requested_by) = lower(%(by)s))
  AND (%(timeframe)s = '' OR request->'timeframes' @> to_jsonb(%(timeframe)s::text))
ORDER BY CASE %(order)s WHEN 'calls' THEN (summary->>'calls')::bigint
                        WHEN 'sessions' THEN (summary->>'expected')::bigint END DESC,
         CASE %(order)s WHEN 'name' THEN lower(title) WHEN 'by' THEN lower(requested_by)
                        WHEN 'state' THEN state END,
         created_at DESC, id
LIMIT %(most)s OFFSET %(skip)s

-- name: unfinished
-- Jobs that have not come to their verdict: ended by a fault of late, or open for minutes though
-- none of their calls is, and nobody asks for their splits and dividends.
SELECT l.id, l.finished_at IS NOT NULL, l.message FROM tickstock.loads AS l
LEFT JOIN tickstock.load_actions AS a ON a.load_id = l.id
WHERE l.state = 'failed' AND l.report IS NULL AND l.finished_at > clock_timestamp() - %(kept)s
   OR l.finished_at IS NULL AND l.paused_at IS NULL
      AND NOT coalesce(a.state = 'running' AND a.lease_until >= clock_timestamp(), false)
      AND NOT EXISTS (SELECT FROM tickstock.calls AS c
                      WHERE c.load_id = l.id AND c.state IN ('waiting', 'leased'))
      AND coalesce((SELECT max(done_at) FROM tickstock.calls AS c WHERE c.load_id = l.id),
                   l.created_at) < clock_timestamp() - %(minutes)s
ORDER BY l.created_at DESC
