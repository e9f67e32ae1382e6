-- name: lock_instruments
-- Two writers of the same instrument take turns. 512 buckets, because a whole-market day names
-- more instruments than the server's lock table holds; sorted, so that no two can deadlock. Says
-- besides that this transaction keeps checksums: what others write is marked as unknown.
SELECT pg_advisory_xact_lock(%(space)s, bucket), set_config('tickstock.checksums', 'kept', true)
FROM (SELECT DISTINCT id %% 512 AS bucket FROM unnest(%(ids)s::int[]) AS id ORDER BY 1) AS b

-- name: read_day
-- Stored day bars of each instrument inside its own range, one row of arrays an instrument.
SELECT w.id, b.*
FROM unnest(%(ids)s::int[], %(lo)s::int[], %(hi)s::int[]) AS w(id, lo, hi),
LATERAL (
    SELECT array_agg((s.at - DATE '1970-01-01')::bigint) AS at, array_agg(s.open), array_agg(s.high),
           array_agg(s.low), array_agg(s.close), array_agg(s.volume),
           array_agg(coalesce(s.vwap, 'NaN')), array_agg(coalesce(s.trades, -1)::bigint)
    FROM (SELECT * FROM tickstock.bars_day
          WHERE instrument_id = w.id AND at BETWEEN DATE '1970-01-01' + w.lo AND DATE '1970-01-01' + w.hi
          ORDER BY at) AS s
) AS b
WHERE b.at IS NOT NULL

-- name: read_intraday
-- The same for hour and minute bars, ranges and times in seconds since 1970, UTC; with the place of
-- those of each instrument that are in sealed files, by month. One statement, and so of one moment: a
-- bar that is sealed meanwhile is in one of the two.
SELECT w.lo, w.hi, w.id, b.*, s.*
FROM unnest(%(ids)s::int[], %(lo)s::bigint[], %(hi)s::bigint[]) AS w(id, lo, hi),
LATERAL (
    SELECT array_agg(extract(epoch FROM s.at)::bigint) AS at, array_agg(s.open), array_agg(s.high),
           array_agg(s.low), array_agg(s.close), array_agg(s.volume),
           array_agg(coalesce(s.vwap, 'NaN')), array_agg(coalesce(s.trades, -1)::bigint)
    FROM (SELECT * FROM {table}
          WHERE instrument_id = w.id AND at BETWEEN to_timestamp(w.lo) AND to_timestamp(w.hi)
          ORDER BY at) AS s
) AS b,
LATERAL (
    SELECT array_agg(f.name) AS names, array_agg(p.row_group::bigint), array_agg(p.first_row::bigint),
           array_agg(p.rows::bigint), array_agg(p.hash)
    FROM tickstock.sealed_bars AS p JOIN tickstock.sealed_files AS f ON f.id = p.file_id
    WHERE p.instrument_id = w.id AND p.timeframe = %(timeframe)s
      AND p.month BETWEEN date_trunc('month', to_timestamp(w.lo) AT TIME ZONE 'UTC')
                      AND to_timestamp(w.hi) AT TIME ZONE 'UTC'
) AS s
WHERE b.at IS NOT NULL OR s.names IS NOT NULL

-- name: lock_months
-- Until this transaction ends nobody seals bars of these months, nor unseals them.
SELECT pg_advisory_xact_lock_shared(%(space)s, number)
FROM (SELECT DISTINCT number FROM unnest(%(numbers)s::int[]) AS number ORDER BY 1) AS m

-- name: bring_back
-- Bars of a sealed file, where there are none in their place.
INSERT INTO {table} (instrument_id, at, open, high, low, close, volume, vwap, trades)
SELECT id, to_timestamp(at), open, high, low, close, volume, nullif(vwap, 'NaN'),
       nullif(trades, -1)::int
FROM unnest(%(instrument)s::int[], %(at)s::bigint[], %(open)s::float8[], %(high)s::float8[],
            %(low)s::float8[], %(close)s::float8[], %(volume)s::float8[], %(vwap)s::float8[],
            %(trades)s::bigint[])
     AS n(id, at, open, high, low, close, volume, vwap, trades)
ON CONFLICT (instrument_id, at) DO NOTHING

-- name: add_minute_months
-- Make the partitions of these months that are not there yet.
SELECT tickstock.add_minute_months(%(months)s::date[])

-- name: neighbours
-- The stored day bar before and the one after a range of each instrument, in columns, if there is any;
-- days since 1970.
SELECT array_agg(w.id::bigint), array_agg((b.at - DATE '1970-01-01')::bigint), array_agg(b.open),
       array_agg(b.high), array_agg(b.low), array_agg(b.close), array_agg(b.volume),
       array_agg(coalesce(b.vwap, 'NaN'))
FROM unnest(%(ids)s::int[], %(lo)s::int[], %(hi)s::int[]) AS w(id, lo, hi),
LATERAL (
    (SELECT * FROM tickstock.bars_day
     WHERE instrument_id = w.id AND at < DATE '1970-01-01' + w.lo ORDER BY at DESC LIMIT 1)
    UNION ALL
    (SELECT * FROM tickstock.bars_day
     WHERE instrument_id = w.id AND at > DATE '1970-01-01' + w.hi ORDER BY at LIMIT 1)
) AS b
HAVING count(*) > 0

-- name: copy
-- New bars, binary.
COPY {table} (instrument_id, at, open, high, low, close, volume, vwap, trades)
FROM STDIN (FORMAT binary)

-- name: note_added
-- Which day bars this transaction adds, for those who read files that were written before; and that no
-- trigger has to note it.
INSERT INTO tickstock.bar_changes (timeframe, instruments, first, last)
SELECT %(timeframe)s, array_agg(id), DATE '1970-01-01' + first, DATE '1970-01-01' + last
FROM unnest(%(ids)s::int[], %(first)s::int[], %(last)s::int[]) AS n(id, first, last)
GROUP BY first, last
RETURNING set_config('tickstock.bar_changes', 'noted', true)

-- name: replace_day
-- Changed day bars: the old row becomes a revision, the new values take its place.
WITH news AS (
    SELECT id, DATE '1970-01-01' + at::int AS at, open, high, low, close, volume,
           nullif(vwap, 'NaN') AS vwap, nullif(trades, -1)::int AS trades, call
    FROM unnest(%(id)s::int[], %(at)s::bigint[], %(open)s::float8[], %(high)s::float8[],
                %(low)s::float8[], %(close)s::float8[], %(volume)s::float8[], %(vwap)s::float8[],
                %(trades)s::bigint[], %(call)s::bigint[])
         AS n(id, at, open, high, low, close, volume, vwap, trades, call)
), kept AS (
    INSERT INTO tickstock.bar_revisions
        (instrument_id, timeframe, at, open, high, low, close, volume, vwap, trades, call_id)
    SELECT b.instrument_id, %(timeframe)s, b.at::timestamp AT TIME ZONE 'UTC',
           b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades, news.call
    FROM tickstock.bars_day AS b JOIN news ON b.instrument_id = news.id AND b.at = news.at
)
UPDATE tickstock.bars_day AS b
SET open = n.open, high = n.high, low = n.low, close = n.close, volume = n.volume,
    vwap = n.vwap, trades = n.trades
FROM news AS n WHERE b.instrument_id = n.id AND b.at = n.at

-- name: replace_intraday
-- The same for hour and minute bars.
WITH news AS (
    SELECT id, to_timestamp(at) AS at, open, high, low, close, volume,
           nullif(vwap, 'NaN') AS vwap, nullif(trades, -1)::int AS trades, call
    FROM unnest(%(id)s::int[], %(at)s::bigint[], %(open)s::float8[], %(high)s::float8[],
                %(low)s::float8[], %(close)s::float8[], %(volume)s::float8[], %(vwap)s::float8[],
                %(trades)s::bigint[], %(call)s::bigint[])
         AS n(id, at, open, high, low, close, volume, vwap, trades, call)
), kept AS (
    INSERT INTO tickstock.bar_revisions
        (instrument_id, timeframe, at, open, high, low, close, volume, vwap, trades, call_id)
    SELECT b.instrument_id, %(timeframe)s, b.at,
           b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades, news.call
    FROM {table} AS b JOIN news ON b.instrument_id = news.id AND b.at = news.at
)
UPDATE {table} AS b
SET open = n.open, high = n.high, low = n.low, close = n.close, volume = n.volume,
    vwap = n.vwap, trades = n.trades
FROM news AS n WHERE b.instrument_id = n.id AND b.at = n.at

-- name: quarantine
-- Bars that cannot be true, with what was received.
INSERT INTO tickstock.quarantine (instrument_id, timeframe, at, reason, bar, call_id)
SELECT id, %(timeframe)s, to_timestamp(at), reason, bar, call_id
FROM unnest(%(id)s::int[], %(at)s::bigint[], %(reason)s::text[], %(bar)s::jsonb[], %(call)s::bigint[])
     AS q(id, at, reason, bar, call_id)
ON CONFLICT DO NOTHING
