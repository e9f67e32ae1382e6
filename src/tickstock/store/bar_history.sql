-- name: arrivals_after
-- Sessions that became held after a moment, with the instruments that gained them: as whole
-- arrays, for they are picked from faster in memory than unnested here.
SELECT instruments::bigint[],
       (SELECT array_agg((lower(s) - DATE '1970-01-01')::bigint) FROM unnest(sessions) AS s),
       (SELECT array_agg((upper(s) - DATE '1970-01-01')::bigint) FROM unnest(sessions) AS s)
FROM tickstock.bar_arrivals
WHERE timeframe = %(timeframe)s AND at > %(known_at)s AND instruments && %(ids)s::int[]

-- name: revised_after
-- Of bars that were replaced after a moment the form that held at it; NaN where there was none.
SELECT array_agg(r.id), array_agg(r.at), array_agg(r.open), array_agg(r.high), array_agg(r.low),
       array_agg(r.close), array_agg(r.volume), array_agg(r.vwap), array_agg(r.trades)
FROM (
    SELECT DISTINCT ON (b.instrument_id, b.at) b.instrument_id::bigint AS id,
           extract(epoch FROM b.at)::bigint AS at, coalesce(b.open, 'NaN') AS open,
           coalesce(b.high, 'NaN') AS high, coalesce(b.low, 'NaN') AS low,
           coalesce(b.close, 'NaN') AS close, coalesce(b.volume, 'NaN') AS volume,
           coalesce(b.vwap, 'NaN') AS vwap, coalesce(b.trades, -1)::bigint AS trades
    FROM tickstock.bar_revisions AS b
    WHERE b.timeframe = %(timeframe)s AND b.instrument_id = ANY (%(ids)s)
      AND b.replaced_at > %(known_at)s
    ORDER BY b.instrument_id, b.at, b.replaced_at
) AS r
HAVING count(*) > 0

-- name: held_days
-- Which of these days of instruments count as held already.
SELECT n.id, n.day FROM unnest(%(ids)s::int[], %(days)s::int[]) AS n(id, day)
JOIN tickstock.coverage AS c ON c.instrument_id = n.id AND c.timeframe = %(timeframe)s
WHERE c.held @> (DATE '1970-01-01' + n.day)

-- name: note_late
-- Until now there was no such bar, in a session that counted as held.
INSERT INTO tickstock.bar_revisions (instrument_id, timeframe, at, call_id)
SELECT id, %(timeframe)s, to_timestamp(at), call
FROM unnest(%(ids)s::int[], %(at)s::bigint[], %(calls)s::bigint[]) AS n(id, at, call)

-- name: revisions_day
-- Replaced day bars with what replaced them: the next form, or the bar as it is now.
SELECT r.instrument_id, r.at, r.replaced_at,
       ARRAY[r.open, r.high, r.low, r.close, r.volume::float8] AS old,
       ARRAY[n.open, n.high, n.low, n.close, n.volume::float8] AS new, n.place IS NULL
FROM tickstock.bar_revisions AS r
LEFT JOIN LATERAL (
    (SELECT 1 AS place, b.open, b.high, b.low, b.close, b.volume
     FROM tickstock.bar_revisions AS b
     WHERE (b.instrument_id, b.timeframe, b.at) = (r.instrument_id, r.timeframe, r.at)
       AND b.replaced_at > r.replaced_at
     ORDER BY b.replaced_at LIMIT 1)
    UNION ALL
    SELECT 2, b.open, b.high, b.low, b.close, b.volume FROM {table} AS b
    WHERE b.instrument_id = r.instrument_id AND b.at = (r.at AT TIME ZONE 'UTC')::date
    ORDER BY 1 LIMIT 1
) AS n ON true
WHERE r.timeframe = %(timeframe)s AND r.instrument_id = ANY (%(ids)s)
  AND (%(since)s::timestamptz IS NULL OR r.replaced_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR r.replaced_at <= %(until)s)
ORDER BY r.instrument_id, r.at, r.replaced_at

-- name: revisions_intraday
-- The same of hour and minute bars.
SELECT r.instrument_id, r.at, r.replaced_at,
       ARRAY[r.open, r.high, r.low, r.close, r.volume::float8] AS old,
       ARRAY[n.open, n.high, n.low, n.close, n.volume::float8] AS new, n.place IS NULL
FROM tickstock.bar_revisions AS r
LEFT JOIN LATERAL (
    (SELECT 1 AS place, b.open, b.high, b.low, b.close, b.volume
     FROM tickstock.bar_revisions AS b
     WHERE (b.instrument_id, b.timeframe, b.at) = (r.instrument_id, r.timeframe, r.at)
       AND b.replaced_at > r.replaced_at
     ORDER BY b.replaced_at LIMIT 1)
    UNION ALL
    SELECT 2, b.open, b.high, b.low, b.close, b.volume FROM {table} AS b
    WHERE b.instrument_id = r.instrument_id AND b.at = r.at
    ORDER BY 1 LIMIT 1
) AS n ON true
WHERE r.timeframe = %(timeframe)s AND r.instrument_id = ANY (%(ids)s)
  AND (%(since)s::timestamptz IS NULL OR r.replaced_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR r.replaced_at <= %(until)s)
ORDER BY r.instrument_id, r.at, r.replaced_at
