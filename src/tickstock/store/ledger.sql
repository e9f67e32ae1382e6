-- name: add_calls
-- The questions to the vendor, in the order in which they are asked.
INSERT INTO tickstock.calls (load_id, position, kind, timeframe, symbol, span, cells)
SELECT %(load_id)s, position, kind, timeframe, symbol, daterange(start, "end"), cells
FROM unnest(%(positions)s::int[], %(kinds)s::text[], %(timeframes)s::text[], %(symbols)s::text[],
            %(starts)s::date[], %(ends)s::date[], %(cells)s::int[])
     AS n(position, kind, timeframe, symbol, start, "end", cells)

-- name: not_while_pausing
-- Taken by each claim, and exclusively by a pause: after it, no claim that began before goes on.
SELECT pg_advisory_xact_lock_shared(%(space)s, hashtext(%(load_id)s))

-- name: hold_claims
-- Waits for the claims under way, and holds up new ones until the pause is written.
SELECT pg_advisory_xact_lock(%(space)s, hashtext(%(load_id)s))

-- name: claim
-- Lease calls that wait and that no worker was lost with; none of a paused job. The clock is the
-- database's. `attempt` counts what was refused; this one is the next.
-- Materialized: a plan that looked into the subquery twice would lease more than were asked for.
WITH free AS MATERIALIZED (
    SELECT id FROM tickstock.calls
    WHERE load_id = %(load_id)s AND state = 'waiting' AND lost = 0
      AND (not_before IS NULL OR not_before <= clock_timestamp())
      AND EXISTS (SELECT FROM tickstock.loads WHERE id = %(load_id)s AND paused_at IS NULL)
    ORDER BY position, id LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
UPDATE tickstock.calls AS c
SET state = 'leased', fence = c.fence + 1, worker = %(worker)s,
    lease_until = clock_timestamp() + %(lease)s
FROM free
WHERE c.id = free.id
RETURNING c.id AS call_id, c.fence, c.attempt + 1 AS attempt, c.kind, c.timeframe, c.symbol,
          lower(c.span) AS start, upper(c.span) AS "end", c.cells, c.depth, c.lost

-- name: claim_lost
-- Lease one call that workers were lost with: its lease ran out, now or before. Of several the one
-- with the fewest losses goes first, so that workers which die of something else do not meet one
-- call each time.
WITH free AS MATERIALIZED (
    SELECT id, worker, state = 'leased' AS is_lost FROM tickstock.calls
    WHERE load_id = %(load_id)s
      AND (state = 'waiting' AND lost > 0
           AND (not_before IS NULL OR not_before <= clock_timestamp())
           OR state = 'leased' AND lease_until < clock_timestamp())
      AND EXISTS (SELECT FROM tickstock.loads WHERE id = %(load_id)s AND paused_at IS NULL)
    ORDER BY lost + (state = 'leased')::int, position, id LIMIT 1
    FOR UPDATE SKIP LOCKED
), noted AS (
    INSERT INTO tickstock.losses (load_id, call_id, worker, at)
    SELECT %(load_id)s, id, worker, clock_timestamp() FROM free WHERE is_lost
)
UPDATE tickstock.calls AS c
SET state = 'leased', fence = c.fence + 1, lost = c.lost + free.is_lost::int,
    worker = %(worker)s, lease_until = clock_timestamp() + %(lease)s
FROM free
WHERE c.id = free.id
RETURNING c.id AS call_id, c.fence, c.attempt + 1 AS attempt, c.kind, c.timeframe, c.symbol,
          lower(c.span) AS start, upper(c.span) AS "end", c.cells, c.depth, c.lost

-- name: suspects
-- Calls with which at least so many workers were lost, counting the one whose lease has run out now;
-- which that was, and how many they are.
SELECT id AS call_id, worker, lost + 1 AS lost, kind, timeframe, symbol, lower(span) AS start,
       upper(span) AS "end"
FROM tickstock.calls
WHERE load_id = %(load_id)s AND state = 'leased' AND lease_until < clock_timestamp()
  AND lost + 1 >= %(most)s
ORDER BY id FOR UPDATE SKIP LOCKED

-- name: set_aside
-- A call that workers die with fails.
WITH noted AS (
    INSERT INTO tickstock.losses (load_id, call_id, worker, at)
    SELECT load_id, id, worker, clock_timestamp() FROM tickstock.calls WHERE id = %(id)s
)
UPDATE tickstock.calls
SET state = 'failed', fence = fence + 1, lost = lost + 1, lease_until = NULL,
    done_at = clock_timestamp(), error = %(error)s, error_class = %(error_class)s
WHERE id = %(id)s

-- name: begin_load
-- The first claim starts the job. A row that is locked is being cancelled, by somebody who next
-- waits for the calls that we have just locked: waiting for it would be a deadlock.
UPDATE tickstock.loads SET state = 'running', started_at = coalesce(started_at, clock_timestamp())
WHERE id = (SELECT id FROM tickstock.loads WHERE id = %(load_id)s AND state = 'submitted'
            FOR UPDATE SKIP LOCKED)

-- name: renew
-- Go on holding the leases that are still ours; those not returned are lost. A call that is locked
-- is in a commit of ours that takes long: waiting for it would let the other leases run out.
WITH mine AS (
    SELECT c.id
    FROM tickstock.calls AS c
    JOIN unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS m(id, fence)
      ON c.id = m.id AND c.fence = m.fence
    WHERE c.state = 'leased'
), free AS (
    SELECT id FROM tickstock.calls WHERE id IN (SELECT id FROM mine) FOR UPDATE SKIP LOCKED
), renewed AS (
    UPDATE tickstock.calls AS c SET lease_until = clock_timestamp() + %(lease)s
    FROM free JOIN unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS m(id, fence) USING (id)
    WHERE c.id = free.id AND c.fence = m.fence AND c.state = 'leased'
)
SELECT id, id IN (SELECT id FROM free) AS renewed FROM mine

-- name: hand_back
-- Give up leases unfinished: the calls wait again.
WITH mine AS (
    SELECT c.id, m.asked
    FROM tickstock.calls AS c
    JOIN unnest(%(ids)s::bigint[], %(fences)s::bigint[], %(asked)s::int[]) AS m(id, fence, asked)
      ON c.id = m.id AND c.fence = m.fence
    WHERE c.state = 'leased'
    ORDER BY c.id FOR UPDATE OF c
)
UPDATE tickstock.calls AS c
SET state = 'waiting', worker = NULL, lease_until = NULL,
    asked = nullif(coalesce(c.asked, 0) + mine.asked, 0)
FROM mine WHERE c.id = mine.id

-- name: fence_check
-- Lock the calls whose lease is still ours; a late worker gets none of them back. Whoever locks
-- several calls does so by id, so that no two of them can deadlock.
SELECT c.id
FROM tickstock.calls AS c
JOIN unnest(%(ids)s::bigint[], %(fences)s::bigint[]) AS mine(id, fence)
  ON c.id = mine.id AND c.fence = mine.fence
WHERE c.state = 'leased'
ORDER BY c.id FOR UPDATE OF c

-- name: finish_calls
-- Done, in the transaction that wrote the bars.
UPDATE tickstock.calls AS c
SET state = 'done', done_at = clock_timestamp(), lease_until = NULL, held = n.held,
    rows_new = n.rows_new, rows_changed = n.rows_changed, pages = n.pages,
    tickers = n.tickers, file_key = n.key, asked = coalesce(c.asked, 0) + n.asked, error = NULL,
    error_class = NULL
FROM unnest(%(ids)s::bigint[], %(held)s::int[], %(rows_new)s::int[], %(rows_changed)s::int[],
            %(pages)s::int[], %(tickers)s::int[], %(keys)s::text[], %(asked)s::int[])
     AS n(id, held, rows_new, rows_changed, pages, tickers, key, asked)
WHERE c.id = n.id

-- name: postpone
-- Try again later. A call that the vendor throttled does not spend an attempt.
UPDATE tickstock.calls
SET state = 'waiting', not_before = clock_timestamp() + %(delay)s, worker = NULL, lease_until = NULL,
    attempt = attempt + %(counts)s, error = %(error)s, error_class = %(error_class)s,
    asked = coalesce(asked, 0) + %(asked)s
WHERE id = %(id)s AND fence = %(fence)s AND state = 'leased'

-- name: fail
-- Not to be tried again by itself.
UPDATE tickstock.calls
SET state = 'failed', attempt = attempt + 1, done_at = clock_timestamp(), lease_until = NULL,
    error = %(error)s, error_class = %(error_class)s, asked = coalesce(asked, 0) + %(asked)s
WHERE id = %(id)s AND fence = %(fence)s AND state = 'leased'
RETURNING id

-- name: replace
-- Refused as a whole: calls for its parts take its place.
UPDATE tickstock.calls SET state = 'replaced' WHERE id = %(id)s AND state = 'failed'

-- name: add_parts
-- Calls for parts of others, at the same place in the order. What they bring is counted with them,
-- and what was missing with the other.
INSERT INTO tickstock.calls
    (load_id, position, kind, timeframe, symbol, span, cells, parent_id, depth)
SELECT c.load_id, c.position, c.kind, c.timeframe, c.symbol, daterange(n.start, n."end"), 0, c.id,
       c.depth + %(deeper)s
FROM unnest(%(parents)s::bigint[], %(starts)s::date[], %(ends)s::date[])
     WITH ORDINALITY AS n(parent, start, "end", place)
JOIN tickstock.calls AS c ON c.id = n.parent
ORDER BY n.place

-- name: lengths
-- Of ticker calls in timeframes in which some were cut for their length: the shortest that was, and
-- the longest that was shorter and was answered, in days.
WITH cut AS (
    SELECT timeframe, min(upper(span) - lower(span)) AS too_long FROM tickstock.calls
    WHERE load_id = %(load_id)s AND state = 'replaced'
      AND error_class = 'VendorTooSlow'
    GROUP BY timeframe
)
SELECT timeframe, too_long,
       (SELECT max(upper(c.span) - lower(c.span)) FROM tickstock.calls AS c
        WHERE c.load_id = %(load_id)s AND c.timeframe = cut.timeframe AND c.kind = 'ticker'
          AND c.state = 'done' AND c.held > 0 AND upper(c.span) - lower(c.span) < too_long)
FROM cut

-- name: market_days
-- The last answer for each whole-market day of a job.
SELECT DISTINCT ON (kind, timeframe, span)
       id AS call_id, kind, timeframe, symbol, lower(span) AS start, upper(span) AS "end", depth,
       tickers, coalesce(file_key, '') AS file_key
FROM tickstock.calls
WHERE load_id = %(load_id)s AND state = 'done' AND kind <> 'ticker' AND tickers IS NOT NULL
ORDER BY kind, timeframe, span, id DESC

-- name: market_sizes
-- How many tickers the last answer of a job's vendor spoke of, by day.
SELECT DISTINCT ON (lower(c.span)) lower(c.span), c.tickers
FROM tickstock.calls AS c
JOIN tickstock.loads AS l ON l.id = c.load_id
WHERE c.kind = %(kind)s AND c.timeframe = %(timeframe)s AND c.tickers IS NOT NULL
  AND lower(c.span) >= %(start)s AND lower(c.span) < %(end)s
  AND l.vendor = (SELECT vendor FROM tickstock.loads WHERE id = %(load_id)s)
ORDER BY lower(c.span), c.id DESC

-- name: fail_rest
-- An error that meets every call alike (a refused key) ends all that still wait.
WITH rest AS (
    SELECT id FROM tickstock.calls WHERE load_id = %(load_id)s AND state = 'waiting'
    ORDER BY id FOR UPDATE
)
UPDATE tickstock.calls AS c
SET state = 'failed', done_at = clock_timestamp(), error = %(error)s, error_class = %(error_class)s,
    asked = coalesce(c.asked, 0)
FROM rest WHERE c.id = rest.id
RETURNING c.kind, c.timeframe, c.symbol, lower(c.span) AS start, upper(c.span) AS "end"

-- name: open_calls
-- How many calls are not at an end, and how long until the next may be claimed.
SELECT count(*), coalesce(extract(epoch FROM min(
           CASE state WHEN 'leased' THEN lease_until ELSE coalesce(not_before, clock_timestamp()) END)
       - clock_timestamp()), 0)::float8
FROM tickstock.calls WHERE load_id = %(load_id)s AND state IN ('waiting', 'leased')

-- name: end_silent_copies
-- A worker that freezes while it sends bars is not idle, as the server sees it, and no time limit
-- of the server's ends its transaction, which keeps its calls from others.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND state = 'active'
  AND wait_event = 'ClientRead' AND query LIKE 'COPY "tickstock"."bars%%'
  AND query_start < clock_timestamp() - %(silence)s
