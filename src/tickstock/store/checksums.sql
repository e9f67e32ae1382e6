-- name: add
-- What the bars of these cells are from now on. `counts`: how many of them each instrument has.
INSERT INTO tickstock.bar_checksums (timeframe, instruments, counts, days, sums)
VALUES (%(timeframe)s, %(instruments)s, %(counts)s, %(days)s, %(sums)s)

-- name: read
-- What was said about cells of these instruments, in order; of some others too.
SELECT instruments::bigint[], counts::bigint[], days, sums,
       (SELECT array_agg((lower(s) - DATE '1970-01-01')::bigint) FROM unnest(unknown) AS s),
       (SELECT array_agg((upper(s) - DATE '1970-01-01')::bigint) FROM unnest(unknown) AS s)
FROM tickstock.bar_checksums
WHERE timeframe = %(timeframe)s AND instruments && %(ids)s::int[]
ORDER BY id

-- name: take_time
-- However long it takes.
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0

-- name: odd_day
-- Day bars in a form that no job writes, which would otherwise be read as another one.
SELECT instrument_id, at FROM {table}
WHERE instrument_id = ANY (%(ids)s) AND (vwap = 'NaN' OR trades < 0)
ORDER BY 1, 2

-- name: odd_intraday
-- The same of hour and minute bars, by New York date; their times are whole seconds.
SELECT DISTINCT instrument_id, (at AT TIME ZONE 'America/New_York')::date FROM {table}
WHERE instrument_id = ANY (%(ids)s)
  AND (vwap = 'NaN' OR trades < 0 OR at <> date_trunc('second', at))
ORDER BY 1, 2

-- name: of_nobody
-- Numbers with bars that are no instrument's: there are none between two that follow each other.
WITH gaps AS (
    SELECT id + 1 AS low, coalesce(lead(id) OVER (ORDER BY id) - 1, 2147483647) AS high
    FROM tickstock.instruments
    UNION ALL SELECT -2147483648, coalesce(min(id) - 1, 2147483647) FROM tickstock.instruments
)
SELECT b.instrument_id FROM gaps, LATERAL (
    SELECT instrument_id FROM {table} WHERE instrument_id BETWEEN gaps.low AND gaps.high LIMIT 1
) AS b
WHERE gaps.low <= gaps.high ORDER BY 1

-- name: coverage
-- Of what is kept about instruments: whether it is as a job left it; NULL where nothing says.
SELECT instrument_id, (written_origin, written_at) = (origin, updated_at)
FROM tickstock.coverage
WHERE timeframe = %(timeframe)s AND instrument_id = ANY (%(ids)s)

-- name: accept_coverage
-- What is kept about instruments is right, with the counts that their bars have.
UPDATE tickstock.coverage AS c
SET bars = n.bars, first_at = to_timestamp(n.first), last_at = to_timestamp(n.last),
    written_origin = c.origin, written_at = c.updated_at
FROM unnest(%(ids)s::int[], %(bars)s::bigint[], %(first)s::bigint[], %(last)s::bigint[])
     AS n(id, bars, first, last)
WHERE c.timeframe = %(timeframe)s AND c.instrument_id = n.id
  AND (c.bars, c.first_at, c.last_at, c.written_origin, c.written_at)
      IS DISTINCT FROM (n.bars, to_timestamp(n.first), to_timestamp(n.last), c.origin, c.updated_at)
