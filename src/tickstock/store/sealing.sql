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

-- name: months
-- Months before one that have minute bars in the database, oldest first.
SELECT m.month
FROM (SELECT to_date(right(c.relname, 7), 'YYYY_MM') AS month
      FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'tickstock.bars_minute'::regclass
        AND c.relname ~ '^bars_minute_\d{4}_\d{2}$') AS m
WHERE m.month < %(before)s AND EXISTS (
    SELECT FROM tickstock.bars_minute AS b
    WHERE b.at >= m.month::timestamp AT TIME ZONE 'UTC'
      AND b.at < (m.month + interval '1 month') AT TIME ZONE 'UTC')
ORDER BY 1

-- name: open_calls
-- Jobs that still ask for minute bars of these days.
SELECT DISTINCT left(l.id::text, 8)
FROM tickstock.calls AS c JOIN tickstock.loads AS l ON l.id = c.load_id
WHERE l.finished_at IS NULL AND c.state IN ('waiting', 'leased') AND c.timeframe = '1min'
  AND c.span && daterange(%(first)s, %(last)s, '[]')
ORDER BY 1

-- name: odd
-- Bars of a month in a form that no job writes, which would not come back as they are.
SELECT count(*) FROM tickstock.bars_minute
WHERE at >= to_timestamp(%(lo)s) AND at <= to_timestamp(%(hi)s)
  AND (vwap = 'NaN' OR trades < 0 OR at <> date_trunc('second', at))

-- name: instruments
-- Whoever has minute bars of a month in the database.
WITH RECURSIVE whose(id) AS (
    (SELECT instrument_id FROM tickstock.bars_minute
     WHERE at >= to_timestamp(%(lo)s) AND at <= to_timestamp(%(hi)s)
     ORDER BY instrument_id LIMIT 1)
    UNION ALL
    SELECT (SELECT b.instrument_id FROM tickstock.bars_minute AS b
            WHERE b.at >= to_timestamp(%(lo)s) AND b.at <= to_timestamp(%(hi)s)
              AND b.instrument_id > w.id ORDER BY b.instrument_id LIMIT 1)
    FROM whose AS w WHERE w.id IS NOT NULL
)
SELECT array_agg(id::bigint ORDER BY id) FROM whose WHERE id IS NOT NULL

-- name: symbol
-- What an instrument is called.
SELECT symbol FROM tickstock.instruments WHERE id = %(id)s

-- name: add_file
-- A file that is whole.
INSERT INTO tickstock.sealed_files (name, month, rows, bytes)
VALUES (%(name)s, %(month)s, %(rows)s, %(bytes)s)
RETURNING id

-- name: add_bars
-- From here on the file has the bars of these instruments.
INSERT INTO tickstock.sealed_bars (instrument_id, month, file_id, row_group, first_row, rows, hash)
SELECT id, %(month)s, %(file)s, row_group, first_row, rows, hash
FROM unnest(%(ids)s::int[], %(groups)s::int[], %(firsts)s::int[], %(rows)s::int[],
            %(hashes)s::bigint[]) AS n(id, row_group, first_row, rows, hash)
ON CONFLICT (instrument_id, month) DO UPDATE
SET file_id = excluded.file_id, row_group = excluded.row_group, first_row = excluded.first_row,
    rows = excluded.rows, hash = excluded.hash

-- name: delete_bars
-- What is in the file goes from the database, for those who begin to read from here on.
DELETE FROM tickstock.bars_minute
WHERE instrument_id = ANY (%(ids)s) AND at >= to_timestamp(%(lo)s) AND at <= to_timestamp(%(hi)s)

-- name: vacuum
-- Take deleted bars away that nobody sees any more.
VACUUM {table}

-- name: free
-- Give back what an empty partition takes.
SELECT tickstock.free_minute_month(%(month)s)

-- name: sealed_of
-- The bars of a month that are in files, of so many instruments beyond one.
SELECT p.instrument_id, f.name, p.row_group, p.first_row, p.rows, p.hash
FROM tickstock.sealed_bars AS p JOIN tickstock.sealed_files AS f ON f.id = p.file_id
WHERE p.month = %(month)s AND p.instrument_id > %(after)s
ORDER BY p.instrument_id LIMIT %(most)s

-- name: release
-- These bars are in the file no more.
DELETE FROM tickstock.sealed_bars WHERE month = %(month)s AND instrument_id = ANY (%(ids)s)

-- name: forget_held
-- Bars that nobody has any more do not count as held.
UPDATE tickstock.coverage AS c
SET held = c.held - datemultirange(daterange(%(first)s, %(last)s, '[]')),
    bars = greatest(c.bars - n.rows, 0), updated_at = now_,
    written_at = CASE WHEN (c.written_origin, c.written_at) = (c.origin, c.updated_at)
                      THEN now_ ELSE c.written_at END
FROM unnest(%(ids)s::int[], %(rows)s::bigint[]) AS n(id, rows), clock_timestamp() AS now_
WHERE c.timeframe = '1min' AND c.instrument_id = n.id

-- name: listed
-- What is sealed, by month.
SELECT p.month, count(*), sum(p.rows)::bigint, count(DISTINCT p.file_id)
FROM tickstock.sealed_bars AS p GROUP BY p.month ORDER BY p.month

-- name: files
-- Files that are named, with their bytes, and how many bars are read from each.
SELECT f.name, f.bytes, sum(p.rows)::bigint
FROM tickstock.sealed_files AS f JOIN tickstock.sealed_bars AS p ON p.file_id = f.id
GROUP BY f.id ORDER BY f.month, f.id

-- name: has_files
-- Whether the schema knows of sealed files.
SELECT to_regclass('tickstock.sealed_bars') IS NOT NULL

-- name: spans_of
-- Where the bars are that are read from a file.
SELECT p.row_group, p.first_row, p.rows, p.hash
FROM tickstock.sealed_bars AS p JOIN tickstock.sealed_files AS f ON f.id = p.file_id
WHERE f.name = %(name)s ORDER BY p.row_group, p.first_row
