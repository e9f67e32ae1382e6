-- name: known
-- Until when the splits and the dividends of instruments are known, as far as they were asked for
-- since a moment; when all of them were asked for last, and under which tickers.
SELECT instrument_id, kind, through, whole, tickers FROM tickstock.actions_known
WHERE instrument_id = ANY (%(ids)s)
  AND (%(since)s::timestamptz IS NULL OR asked_at >= %(since)s)

-- name: jumped
-- Instruments with day bars that jump where no split in force is near, and kinds of records to ask
-- for again: all of them were asked for before the jump was seen, or it is recent and today nobody
-- asked. When a jump was seen and when it was asked about are both of this database's clock. The
-- instruments as rows: an array would be gone through for each doubt.
SELECT DISTINCT k.instrument_id, k.kind
FROM unnest(%(ids)s::int[]) AS w(id)
JOIN tickstock.actions_known AS k ON k.instrument_id = w.id
JOIN tickstock.doubts AS d ON d.instrument_id = w.id
WHERE d.timeframe = 'day' AND d.reason = %(jump)s
  AND (k.whole_at IS NULL OR d.seen_at > k.whole_at
       OR (k.through < %(today)s
           AND (d.at AT TIME ZONE 'UTC')::date > %(today)s::date - %(recent)s::int))
  AND NOT EXISTS (
      SELECT FROM tickstock.splits AS s
      WHERE s.instrument_id = d.instrument_id AND s.superseded_at IS NULL
        AND abs(s.execution_date - (d.at AT TIME ZONE 'UTC')::date) <= %(near)s)

-- name: splits
-- Splits of instruments as known now, or at an earlier moment; in order of execution.
SELECT instrument_id, vendor_id AS id, ticker, execution_date AS day, split_from, split_to, kind
FROM tickstock.splits
WHERE instrument_id = ANY (%(ids)s)
  AND CASE WHEN %(known_at)s::timestamptz IS NULL THEN superseded_at IS NULL
           ELSE first_seen <= %(known_at)s AND (superseded_at IS NULL OR superseded_at > %(known_at)s) END
ORDER BY instrument_id, execution_date, splits.id

-- name: dividends
-- Dividends of instruments as known now, or at an earlier moment; in order of their ex-dates.
SELECT instrument_id, vendor_id AS id, ticker, ex_dividend_date AS day, cash_amount AS cash, currency,
       kind, declared, recorded, paid
FROM tickstock.dividends
WHERE instrument_id = ANY (%(ids)s)
  AND CASE WHEN %(known_at)s::timestamptz IS NULL THEN superseded_at IS NULL
           ELSE first_seen <= %(known_at)s AND (superseded_at IS NULL OR superseded_at > %(known_at)s) END
ORDER BY instrument_id, ex_dividend_date, dividends.id

-- name: end_splits
-- Corrected or withdrawn splits: they were true until now.
UPDATE tickstock.splits AS s SET superseded_at = %(at)s
FROM unnest(%(ids)s::int[], %(vendor_ids)s::text[]) AS gone(id, vendor_id)
WHERE s.instrument_id = gone.id AND s.vendor_id = gone.vendor_id AND s.superseded_at IS NULL

-- name: end_dividends
-- Corrected or withdrawn dividends: they were true until now.
UPDATE tickstock.dividends AS d SET superseded_at = %(at)s
FROM unnest(%(ids)s::int[], %(vendor_ids)s::text[]) AS gone(id, vendor_id)
WHERE d.instrument_id = gone.id AND d.vendor_id = gone.vendor_id AND d.superseded_at IS NULL

-- name: add_splits
-- New splits, and new forms of corrected ones.
INSERT INTO tickstock.splits
    (instrument_id, vendor_id, origin, ticker, execution_date, split_from, split_to, kind, first_seen)
SELECT id, vendor_id, %(origin)s, ticker, day, split_from, split_to, kind, %(at)s
FROM unnest(%(ids)s::int[], %(vendor_ids)s::text[], %(tickers)s::text[], %(days)s::date[],
            %(split_from)s::float8[], %(split_to)s::float8[], %(kinds)s::text[])
     AS n(id, vendor_id, ticker, day, split_from, split_to, kind)

-- name: add_dividends
-- New dividends, and new forms of corrected ones.
INSERT INTO tickstock.dividends
    (instrument_id, vendor_id, origin, ticker, ex_dividend_date, cash_amount, currency, kind,
     declared, recorded, paid, first_seen)
SELECT id, vendor_id, %(origin)s, ticker, day, cash, currency, kind, declared, recorded, paid, %(at)s
FROM unnest(%(ids)s::int[], %(vendor_ids)s::text[], %(tickers)s::text[], %(days)s::date[],
            %(cash)s::float8[], %(currency)s::text[], %(kinds)s::text[], %(declared)s::date[],
            %(recorded)s::date[], %(paid)s::date[])
     AS n(id, vendor_id, ticker, day, cash, currency, kind, declared, recorded, paid)

-- name: set_known
-- All records of these instruments are known until that day; where all of them were asked for
-- (`whole`), also since when, and under which tickers.
INSERT INTO tickstock.actions_known AS k
    (instrument_id, kind, through, whole, whole_at, tickers)
SELECT id, %(kind)s, %(through)s, CASE WHEN %(whole)s THEN %(through)s::date END,
       CASE WHEN %(whole)s THEN clock_timestamp() END,
       CASE WHEN %(whole)s THEN array_agg(DISTINCT ticker) ELSE '{}' END
FROM unnest(%(ids)s::int[], %(tickers)s::text[]) AS n(id, ticker)
GROUP BY id
ON CONFLICT (instrument_id, kind) DO UPDATE
SET through = greatest(k.through, EXCLUDED.through), asked_at = clock_timestamp(),
    whole = coalesce(EXCLUDED.whole, k.whole), whole_at = coalesce(EXCLUDED.whole_at, k.whole_at),
    tickers = CASE WHEN EXCLUDED.whole IS NULL THEN k.tickers ELSE EXCLUDED.tickers END

-- name: claim
-- Ask for the actions of a job: for the first time, again, or in place of a worker that was lost.
-- What has ended is not asked for again.
WITH lost AS (
    INSERT INTO tickstock.losses (load_id, worker, at)
    SELECT load_id, worker, clock_timestamp() FROM tickstock.load_actions
    WHERE load_id = %(load_id)s AND state = 'running' AND lease_until < clock_timestamp()
)
INSERT INTO tickstock.load_actions AS a (load_id, worker, lease_until, fence)
VALUES (%(load_id)s, %(worker)s, clock_timestamp() + %(lease)s, 1)
ON CONFLICT (load_id) DO UPDATE
SET worker = EXCLUDED.worker, lease_until = EXCLUDED.lease_until, state = 'running', message = '',
    fence = a.fence + 1, lost = a.lost + (a.state = 'running')::int
WHERE a.state = 'waiting' OR a.state = 'running' AND a.lease_until < clock_timestamp()
RETURNING fence, lost

-- name: renew
-- Go on holding the claim.
UPDATE tickstock.load_actions SET lease_until = clock_timestamp() + %(lease)s
WHERE load_id = %(load_id)s AND worker = %(worker)s AND fence = %(fence)s AND state = 'running'
RETURNING load_id

-- name: hand_back
-- Give the claim up before the end: whoever comes next goes on.
UPDATE tickstock.load_actions SET state = 'waiting', lease_until = NULL
WHERE load_id = %(load_id)s AND worker = %(worker)s AND fence = %(fence)s AND state = 'running'

-- name: count
-- What an answer changed, on top of what others did, in the transaction that writes it. Nothing for
-- a worker whose claim has gone to another: it is late, and so is its answer. Whoever gets an answer
-- written was not lost with it.
UPDATE tickstock.load_actions
SET calls = calls + %(calls)s, added = added + %(added)s, corrected = corrected + %(corrected)s,
    withdrawn = withdrawn + %(withdrawn)s, lost = 0
WHERE load_id = %(load_id)s AND worker = %(worker)s AND fence = %(fence)s AND state = 'running'
RETURNING load_id

-- name: end
-- What came of it.
UPDATE tickstock.load_actions
SET state = %(state)s, message = %(message)s, lease_until = NULL
WHERE load_id = %(load_id)s AND worker = %(worker)s AND fence = %(fence)s AND state = 'running'
RETURNING load_id

-- name: settle
-- Nothing of it is left to be asked, though it was begun.
UPDATE tickstock.load_actions
SET state = 'done', message = '', fence = fence + 1, lease_until = NULL
WHERE load_id = %(load_id)s
  AND (state = 'waiting' OR state = 'running' AND lease_until < clock_timestamp())

-- name: stop
-- Whoever asks is refused from now on: the job has ended, is paused, or has calls to ask first.
UPDATE tickstock.load_actions SET state = 'waiting', fence = fence + 1, lease_until = NULL
WHERE load_id = %(load_id)s AND state = 'running'

-- name: reopen
-- Calls of the job are asked again, and the splits and dividends after them, if any are due then.
UPDATE tickstock.load_actions
SET state = 'waiting', fence = fence + 1, lost = 0, lease_until = NULL
WHERE load_id = %(load_id)s

-- name: outcome
-- What came of the actions of a job; nothing where none were asked for.
SELECT state, calls, added, corrected, withdrawn, message,
       state = 'running' AND coalesce(lease_until >= clock_timestamp(), false) AS is_held
FROM tickstock.load_actions WHERE load_id = %(load_id)s
