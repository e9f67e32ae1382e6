-- name: one_at_a_time
-- Until this transaction ends nobody else seals. Before its first query, so that this one sees what was
-- sealed before it; LOCK itself looks at nothing. Waits for the server's own vacuum to give way, which
-- it does after a second. Of a bar that another program writes meanwhile the deletion fails, or does
-- not know it and leaves it: nothing is lost either way.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET LOCAL lock_timeout = '5s';
LOCK TABLE tickstock.sealed_files IN SHARE ROW EXCLUSIVE MODE;
SET LOCAL lock_timeout TO DEFAULT

-- name: try_month
-- Whether nobody writes bars of a month until this transaction ends. Who has written while the snapshot
-- was taken is found by the deletion.
SELECT pg_try_advisory_xact_lock(%(space)s, %(number)s)

-- name: lock_month
-- Wait until nobody writes bars of a month; then nobody does until this transaction ends.
SELECT pg_advisory_xact_lock(%(space)s, %(number)s)

-- name: months_minute
-- Months before one that have minute bars in the database, oldest first.
SELECT m.month
FROM (SELECT to_date(right(c.relname, 7), 'YYYY_MM') AS month
      FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'tickstock.bars_minute'::regclass
        AND c.relname ~ '^bars_minute_\d\d\d\d_\d\d$') AS m
WHERE m.month < %(before)s AND EXISTS (
    SELECT FROM {table} AS b
    WHERE b.at >= m.month::timestamp AT TIME ZONE 'UTC'
      AND b.at < (m.month + interval '1 month') AT TIME ZONE 'UTC')
ORDER BY 1

-- name: months_hour
-- The same of hour bars: through their index, from each month of an instrument to its next one, and
-- from there on to the next instrument.
WITH RECURSIVE found(id, at) AS (
    (SELECT instrument_id, at FROM {table} WHERE isfinite(at) ORDER BY instrument_id, at LIMIT 1)
    UNION ALL
    SELECT n.* FROM found AS f, LATERAL (
        SELECT b.instrument_id, b.at FROM {table} AS b
        WHERE (b.instrument_id, b.at) >= (f.id, CASE
            WHEN f.at < %(before)s::timestamp AT TIME ZONE 'UTC'
            THEN (date_trunc('month', f.at AT TIME ZONE 'UTC') + interval '1 month')
                 AT TIME ZONE 'UTC'
            ELSE 'infinity' END) AND isfinite(b.at)
        ORDER BY b.instrument_id, b.at LIMIT 1) AS n
)
SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date FROM found
WHERE at < %(before)s::timestamp AT TIME ZONE 'UTC' ORDER BY 1

-- name: open_calls
-- Jobs that still ask for bars of these days.
SELECT DISTINCT left(l.id::text, 8)
FROM tickstock.calls AS c JOIN tickstock.loads AS l ON l.id = c.load_id
WHERE l.finished_at IS NULL AND c.state IN ('waiting', 'leased') AND c.timeframe = %(timeframe)s
  AND c.span && daterange(%(first)s, %(last)s, '[]')
ORDER BY 1

-- name: odd
-- Bars of a month in a form that no job writes, which would not come back as they are.
SELECT count(*) FROM {table}
WHERE instrument_id = ANY (%(ids)s::int[])
  AND at >= to_timestamp(%(lo)s) AND at <= to_timestamp(%(hi)s)
  AND (vwap = 'NaN' OR trades < 0 OR at <> date_trunc('second', at))

-- name: instruments_minute
-- Whoever has minute bars of a month in the database.
WITH RECURSIVE whose(id) AS (
    (SELECT instrument_id FROM {table}
     WHERE at >= to_timestamp(%(lo)s) AND at <= to_timestamp(%(hi)s)
     ORDER BY instrument_id LIMIT 1)
    UNION ALL
    SELECT (SELECT b.instrument_id FROM {table} AS b
            WHERE b.at >= to_timestamp(%(lo)s) AND b.at <= to_timestamp(%(hi)s)
              AND b.instrument_id > w.id ORDER BY b.instrument_id LIMIT 1)
    FROM whose AS w WHERE w.id IS NOT NULL
)
SELECT array_agg(id::bigint ORDER BY id) FROM whose WHERE id IS NOT NULL

-- name: instruments_hour
-- The same of hour bars, which lie with those of all other months: from an instrument's first bar to its
-- first one in the month, and from there to the next instrument.
WITH RECURSIVE found(id, at) AS (
    (SELECT instrument_id, at FROM {table} WHERE isfinite(at) ORDER BY instrument_id, at LIMIT 1)
    UNION ALL
    SELECT n.* FROM found AS f, LATERAL (
        SELECT b.instrument_id, b.at FROM {table} AS b
        WHERE (b.instrument_id, b.at) >= (f.id, CASE
            WHEN f.at < to_timestamp(%(lo)s) THEN to_timestamp(%(lo)s) ELSE 'infinity' END)
          AND isfinite(b.at)
        ORDER BY b.instrument_id, b.at LIMIT 1) AS n
)
SELECT array_agg(id::bigint ORDER BY id) FROM found
WHERE at >= to_timestamp(%(lo)s) AND at <= to_timestamp(%(hi)s)

-- name: symbol
-- What an instrument is called.
SELECT symbol FROM tickstock.instruments WHERE id = %(id)s

-- name: add_file
-- A file that is whole.
INSERT INTO tickstock.sealed_files (name, timeframe, month, rows, bytes)
VALUES (%(name)s, %(timeframe)s, %(month)s, %(rows)s, %(bytes)s)
RETURNING id

-- name: add_bars
-- From here on the file has the bars of these instruments.
INSERT INTO tickstock.sealed_bars
    (instrument_id, timeframe, month, file_id, row_group, first_row, rows, hash)
SELECT id, %(timeframe)s, %(month)s, %(file)s, row_group, first_row, rows, hash
FROM unnest(%(ids)s::int[], %(groups)s::int[], %(firsts)s::int[], %(rows)s::int[],
            %(hashes)s::bigint[]) AS n(id, row_group, first_row, rows, hash)
ON CONFLICT (instrument_id, timeframe, month) DO UPDATE
SET file_id = excluded.file_id, row_group = excluded.row_group, first_row = excluded.first_row,
    rows = excluded.rows, hash = excluded.hash

-- name: delete_bars
-- What is in the file goes from the database, for those who begin to read from here on.
DELETE FROM {table}
WHERE instrument_id = ANY (%(ids)s) AND at >= to_timestamp(%(lo)s) AND at <= to_timestamp(%(hi)s)

-- name: vacuum
-- Take deleted bars away that nobody sees any more; also few of them, which it would leave in the index.
VACUUM (INDEX_CLEANUP ON) {table}

-- name: free
-- Give back what an empty partition takes.
SELECT tickstock.free_minute_month(%(month)s)

-- name: sealed_of
-- The bars of a month that are in files, of so many instruments beyond one.
SELECT p.instrument_id, f.name, p.row_group, p.first_row, p.rows, p.hash
FROM tickstock.sealed_bars AS p JOIN tickstock.sealed_files AS f ON f.id = p.file_id
WHERE p.timeframe = %(timeframe)s AND p.month = %(month)s AND p.instrument_id > %(after)s
ORDER BY p.instrument_id LIMIT %(most)s

-- name: release
-- These bars are in the file no more.
DELETE FROM tickstock.sealed_bars
WHERE timeframe = %(timeframe)s AND month = %(month)s AND instrument_id = ANY (%(ids)s)

-- name: forget_held
-- Bars that nobody has any more do not count as held.
UPDATE tickstock.coverage AS c
SET held = c.held - datemultirange(daterange(%(first)s, %(last)s, '[]')),
    bars = greatest(c.bars - n.rows, 0), updated_at = now_,
    written_at = CASE WHEN (c.written_origin, c.written_at) = (c.origin, c.updated_at)
                      THEN now_ ELSE c.written_at END
FROM unnest(%(ids)s::int[], %(rows)s::bigint[]) AS n(id, rows), clock_timestamp() AS now_
WHERE c.timeframe = %(timeframe)s AND c.instrument_id = n.id

-- name: listed
-- What is sealed, by timeframe and month.
SELECT p.timeframe, p.month, count(*), sum(p.rows)::bigint, count(DISTINCT p.file_id)
FROM tickstock.sealed_bars AS p GROUP BY p.timeframe, p.month ORDER BY p.timeframe, p.month

-- name: files
-- Files that are named, with their bytes, and how many bars are read from each. A database of before is
-- backed up as it is: all its files have minutes.
SELECT coalesce(to_jsonb(f) ->> 'timeframe', '1min') AS timeframe, f.name, f.bytes, n.bars
FROM tickstock.sealed_files AS f,
LATERAL (SELECT sum(p.rows)::bigint AS bars FROM tickstock.sealed_bars AS p
         WHERE p.file_id = f.id) AS n
WHERE n.bars IS NOT NULL ORDER BY 1, f.month, f.id

-- name: has_files
-- Whether the schema knows of sealed files.
SELECT to_regclass('tickstock.sealed_bars') IS NOT NULL

-- name: spans_of
-- Where the bars are that are read from a file.
SELECT p.row_group, p.first_row, p.rows, p.hash
FROM tickstock.sealed_bars AS p JOIN tickstock.sealed_files AS f ON f.id = p.file_id
WHERE f.name = %(name)s ORDER BY p.row_group, p.first_row
