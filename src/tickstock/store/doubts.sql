-- name: forget
-- What was said about bars that are judged anew. That two answers disagree about one stays until the
-- bar itself is written.
DELETE FROM tickstock.doubts AS d
USING unnest(%(ids)s::int[], %(at)s::bigint[], %(written)s::boolean[]) AS n(id, at, written)
WHERE d.instrument_id = n.id AND d.timeframe = %(timeframe)s AND d.at = to_timestamp(n.at)
  AND (n.written OR d.reason <> %(disagree)s)

-- name: add
-- Bars that somebody should look at.
INSERT INTO tickstock.doubts (instrument_id, timeframe, at, reason, detail)
SELECT id, %(timeframe)s, to_timestamp(at), reason, detail
FROM unnest(%(ids)s::int[], %(at)s::bigint[], %(reasons)s::text[], %(details)s::text[])
     AS n(id, at, reason, detail)
ON CONFLICT (instrument_id, timeframe, at, reason) DO UPDATE SET detail = EXCLUDED.detail

-- name: list
-- Doubtful bars of instruments in one timeframe, oldest first; a jump on the day of a split that is
-- in force is explained. After a long gap a jump is a doubt where the vendor was asked about the days
-- before it and had none, and knows of no split in them; else the days are not loaded yet.
SELECT i.symbol, d.at, d.reason, d.detail, d.seen_at
FROM tickstock.doubts AS d JOIN tickstock.instruments AS i ON i.id = d.instrument_id
WHERE d.instrument_id = ANY (%(ids)s) AND d.timeframe = %(timeframe)s
  AND d.at >= %(start)s AND d.at < %(end)s
  AND NOT (d.reason = %(jump)s AND EXISTS (
      SELECT FROM tickstock.splits AS s
      WHERE s.instrument_id = d.instrument_id AND s.superseded_at IS NULL
        AND s.execution_date = (d.at AT TIME ZONE 'UTC')::date))
  AND (d.reason <> %(another_firm)s OR EXISTS (
      SELECT FROM tickstock.holes AS h
      WHERE h.instrument_id = d.instrument_id AND h.timeframe = d.timeframe
        AND h.cause = ANY (%(answered)s)
        AND h.span && daterange((d.at AT TIME ZONE 'UTC')::date - %(next_days)s::int,
                                (d.at AT TIME ZONE 'UTC')::date)
        AND NOT EXISTS (
            SELECT FROM tickstock.splits AS s
            WHERE s.instrument_id = d.instrument_id AND s.superseded_at IS NULL
              AND s.execution_date <@ daterange(lower(h.span), (d.at AT TIME ZONE 'UTC')::date,
                                                '[]'))))
ORDER BY i.symbol, d.at, d.reason

-- name: gaps
-- Days of which the vendor said that it has no day bars, by the place of the instrument in the list.
SELECT (w.place - 1)::int, lower(h.span), upper(h.span)
FROM unnest(%(ids)s::int[]) WITH ORDINALITY AS w(id, place)
JOIN tickstock.holes AS h ON h.instrument_id = w.id AND h.timeframe = 'day'
WHERE h.cause = ANY (%(answered)s)

-- name: quarantined
-- Bars that cannot be true, with what was received.
SELECT i.symbol, q.at, q.reason, q.bar::text AS detail, q.seen_at
FROM tickstock.quarantine AS q JOIN tickstock.instruments AS i ON i.id = q.instrument_id
WHERE q.instrument_id = ANY (%(ids)s) AND q.timeframe = %(timeframe)s
  AND q.at >= %(start)s AND q.at < %(end)s
ORDER BY i.symbol, q.at, q.reason

-- name: other_answers
-- Of bars that a call has changed: those that another kind of call of the same job had brought, for a
-- whole market or for the ticker alone, what they were, and which kind of call that was. Such calls are
-- few or none, and are looked for once a job, not once a bar.
WITH changed AS (
    SELECT n.place, n.day, n.symbol, me.load_id, me.kind,
           r.open, r.high, r.low, r.close, r.volume
    FROM unnest(%(ids)s::int[], %(at)s::bigint[], %(calls)s::bigint[], %(days)s::date[],
                %(symbols)s::text[]) WITH ORDINALITY AS n(id, at, call, day, symbol, place)
    JOIN tickstock.calls AS me ON me.id = n.call
    JOIN tickstock.bar_revisions AS r
      ON r.instrument_id = n.id AND r.timeframe = %(timeframe)s AND r.at = to_timestamp(n.at)
         AND r.call_id = n.call
), others AS MATERIALIZED (
    SELECT c.load_id, c.kind, c.symbol, c.span
    FROM (SELECT DISTINCT load_id, kind = 'ticker' AS is_ticker FROM changed) AS mine
    JOIN tickstock.calls AS c ON c.load_id = mine.load_id AND (c.kind = 'ticker') <> mine.is_ticker
    WHERE c.timeframe = %(timeframe)s AND (c.state = 'done' OR c.id = ANY (%(batch)s))
), said AS (
    SELECT c.place, o.kind FROM changed AS c
    JOIN others AS o ON o.load_id = c.load_id AND o.symbol = '' AND lower(o.span) = c.day
    WHERE c.kind = 'ticker'
    UNION ALL
    SELECT c.place, o.kind FROM changed AS c
    JOIN others AS o ON o.load_id = c.load_id AND o.symbol = c.symbol AND o.span @> c.day
    WHERE c.kind <> 'ticker'
)
SELECT DISTINCT ON (c.place) (c.place - 1)::int, c.open, c.high, c.low, c.close, c.volume, s.kind,
       c.kind
FROM said AS s JOIN changed AS c ON c.place = s.place
ORDER BY c.place, s.kind
