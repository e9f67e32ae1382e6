-- name: state
-- What the files in a folder hold, if they are of this database, once for each change since they were
-- written that is of days from `lo` to `hi`; as whole arrays, for they are picked from faster in memory.
SELECT f.database, f.names, f.years, f.watermark::text,
       c.transaction IS NOT NULL, c.instruments::bigint[],
       (c.first - DATE '1970-01-01')::bigint, (c.last - DATE '1970-01-01')::bigint
FROM tickstock.bar_files AS f
LEFT JOIN tickstock.bar_changes AS c
       ON c.transaction >= f.watermark AND c.timeframe = f.timeframe
      AND c.first <= DATE '1970-01-01' + %(hi)s::int AND c.last >= DATE '1970-01-01' + %(lo)s::int
WHERE f.place = %(place)s AND f.timeframe = %(timeframe)s AND f.database = tickstock.bar_database()
LIMIT %(most)s

-- name: newest
-- The bars of regions in columns, if there are any: one row, whatever their number.
SELECT array_agg(b.instrument_id::bigint), array_agg((b.at - DATE '1970-01-01')::bigint),
       array_agg(b.open), array_agg(b.high), array_agg(b.low), array_agg(b.close),
       array_agg(b.volume), array_agg(coalesce(b.vwap, 'NaN')),
       array_agg(coalesce(b.trades, -1)::bigint)
FROM unnest(%(ids)s::int[], %(lo)s::int[], %(hi)s::int[]) AS w(id, lo, hi),
LATERAL (
    SELECT * FROM tickstock.bars_day
    WHERE instrument_id = w.id AND at BETWEEN DATE '1970-01-01' + w.lo AND DATE '1970-01-01' + w.hi
) AS b
HAVING count(*) > 0

-- name: one_at_a_time
-- Until this transaction ends nobody else writes files. Before its first query, so that this one sees
-- what the fold before it has done; LOCK itself looks at nothing. Waits for those who are done in a
-- moment, and for the server's own vacuum to give way, which it does after a second.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET LOCAL lock_timeout = '5s';
LOCK TABLE tickstock.bar_files IN SHARE ROW EXCLUSIVE MODE;
SET LOCAL lock_timeout TO DEFAULT

-- name: if_nobody_writes
-- The same, without waiting for anybody.
LOCK TABLE tickstock.bar_files IN SHARE ROW EXCLUSIVE MODE NOWAIT

-- name: moment
-- Which database this is, and the oldest transaction that is not seen here as it ended.
SELECT tickstock.bar_database(), pg_snapshot_xmin(pg_current_snapshot())::text

-- name: instruments
-- Whoever has day bars, whether an instrument or not, with the first and last of them.
WITH RECURSIVE whose(id) AS (
    (SELECT instrument_id FROM tickstock.bars_day ORDER BY instrument_id LIMIT 1)
    UNION ALL
    SELECT (SELECT b.instrument_id FROM tickstock.bars_day AS b
            WHERE b.instrument_id > w.id ORDER BY b.instrument_id LIMIT 1)
    FROM whose AS w WHERE w.id IS NOT NULL
)
SELECT array_agg(w.id::bigint),
       min((a.at - DATE '1970-01-01')::bigint), max((z.at - DATE '1970-01-01')::bigint)
FROM whose AS w,
LATERAL (SELECT at FROM tickstock.bars_day WHERE instrument_id = w.id
         AND at >= DATE '1970-01-01' + %(lo)s::int ORDER BY at LIMIT 1) AS a,
LATERAL (SELECT at FROM tickstock.bars_day WHERE instrument_id = w.id
         AND at <= DATE '1970-01-01' + %(hi)s::int ORDER BY at DESC LIMIT 1) AS z
WHERE w.id IS NOT NULL AND a.at <= z.at
HAVING count(*) > 0

-- name: keep
-- From here on the files in a folder are these.
INSERT INTO tickstock.bar_files (place, timeframe, database, watermark, years, names)
VALUES (%(place)s, %(timeframe)s, %(database)s, %(watermark)s::text::xid8, %(years)s, %(names)s)
ON CONFLICT (place, timeframe) DO UPDATE
SET database = excluded.database, watermark = excluded.watermark, years = excluded.years,
    names = excluded.names, folded_at = excluded.folded_at

-- name: forget_places
-- Files of which nothing was heard for so long, or that are of the database that this one was restored
-- from, keep no changes from being forgotten.
DELETE FROM tickstock.bar_files
WHERE timeframe = %(timeframe)s AND place <> %(place)s
  AND (folded_at < now() - interval '30 days' OR database IS DISTINCT FROM tickstock.bar_database())

-- name: forget_changes
-- All files have those of before the oldest watermark. A transaction from beyond all that this one
-- knows of is of the database that this one was restored from.
DELETE FROM tickstock.bar_changes
WHERE timeframe = %(timeframe)s
  AND (transaction < (SELECT watermark FROM tickstock.bar_files WHERE timeframe = %(timeframe)s
                      ORDER BY watermark LIMIT 1)
       OR transaction >= pg_snapshot_xmax(pg_current_snapshot()))

-- name: forget_unneeded_changes
-- Where there are no files: those that are written later have what has ended by now.
DELETE FROM tickstock.bar_changes
WHERE timeframe = %(timeframe)s AND transaction < pg_snapshot_xmin(pg_current_snapshot())
  AND NOT EXISTS (SELECT FROM tickstock.bar_files WHERE timeframe = %(timeframe)s)

-- name: waiting
-- How many statements have changed bars since the files in a folder were written, and whether that
-- was more than an hour ago.
SELECT count(c.transaction), count(c.transaction) > 0 AND f.folded_at < clock_timestamp() - interval '1 hour'
FROM tickstock.bar_files AS f
LEFT JOIN tickstock.bar_changes AS c
       ON c.transaction >= f.watermark AND c.timeframe = f.timeframe
WHERE f.place = %(place)s AND f.timeframe = %(timeframe)s AND f.database = tickstock.bar_database()
GROUP BY f.folded_at

-- name: stored
-- How many bars there are, as coverage counts them.
SELECT coalesce(sum(bars), 0)::bigint FROM tickstock.coverage WHERE timeframe = %(timeframe)s
