-- name: write
-- What a job, its items and its calls were when it ended.
UPDATE tickstock.loads SET checksum = tickstock.load_checksum(id)
WHERE id = ANY (%(ids)s) AND finished_at IS NOT NULL

-- name: ended
-- Jobs that have ended: what they were then, and what they are, where that is something else.
SELECT id, checksum IS NULL, nullif(checksum, now), nullif(now, checksum)
FROM (SELECT id, created_at, checksum,
             CASE WHEN checksum IS NOT NULL THEN tickstock.load_checksum(id) END AS now
      FROM tickstock.loads WHERE finished_at IS NOT NULL OFFSET 0) AS ended
ORDER BY created_at, id

-- name: contradictions
-- What no job or call can be, whenever it is looked at.
SELECT l.id, NULL::bigint AS call, CASE WHEN l.finished_at IS NULL THEN 'it is ' || l.state || ' and has not ended'
                        ELSE 'it has ended and is ' || l.state END
FROM tickstock.loads AS l
WHERE (l.finished_at IS NULL) <> (l.state IN ('submitted', 'running'))
   OR l.state NOT IN ('submitted', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled')
UNION ALL
SELECT c.load_id, c.id, CASE
    WHEN l.finished_at IS NOT NULL AND c.state IN ('waiting', 'leased')
        THEN 'it is ' || c.state || ', and its job has ended'
    WHEN c.state = 'done' THEN 'it is done, and not what it brought, or when'
    WHEN c.state = 'leased' THEN 'it is leased, and not to whom, or until when'
    WHEN c.state = 'waiting' THEN 'it waits, and has been answered'
    WHEN c.state IN ('failed', 'replaced') THEN 'it is ' || c.state || ', and not why, or when'
    WHEN c.state = 'cancelled' THEN 'it is cancelled, and its job has not ended'
    ELSE 'its state is ' || c.state END
FROM tickstock.calls AS c JOIN tickstock.loads AS l ON l.id = c.load_id
WHERE l.finished_at IS NOT NULL AND c.state IN ('waiting', 'leased')
   OR c.state NOT IN ('waiting', 'leased', 'done', 'failed', 'replaced', 'cancelled')
   OR c.state = 'done' AND (c.done_at IS NULL OR c.held IS NULL OR c.rows_new IS NULL OR c.rows_changed IS NULL
                            OR least(c.held, c.rows_new, c.rows_changed, c.pages) < 0)
   OR c.state = 'leased' AND (c.worker IS NULL OR c.lease_until IS NULL)
   OR c.state = 'waiting' AND (c.rows_new IS NOT NULL OR c.done_at IS NOT NULL)
   OR c.state IN ('failed', 'replaced') AND (c.error_class IS NULL OR c.done_at IS NULL)
   OR c.state = 'cancelled' AND l.finished_at IS NULL
ORDER BY 1, 2
