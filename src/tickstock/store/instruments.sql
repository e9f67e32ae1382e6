-- name: resolve
-- The instrument that each ticker means in a span of days: the one that it names on the last day,
-- else named last within the span, else comes to name later. One that had given it up before the
-- span is not meant: somebody else may have taken it. Without a span, today's or the last; with
-- `held_first` only where no bars are held of the others.
SELECT DISTINCT ON (t.symbol) t.symbol, i.id, i.listed, i.delisted, i.gone_by
FROM tickstock.tickers AS t JOIN tickstock.instruments AS i ON i.id = t.instrument_id
WHERE t.symbol = ANY (%(symbols)s)
  AND (%(end)s::date IS NULL OR upper_inf(t.valid) OR upper(t.valid) > %(start)s)
ORDER BY t.symbol,
         %(held_first)s AND NOT EXISTS (SELECT FROM tickstock.coverage AS c
                                        WHERE c.instrument_id = i.id AND c.bars > 0),
         CASE WHEN t.valid @> %(end)s::date - 1 THEN 0
              WHEN t.valid && daterange(%(start)s, %(end)s) THEN 1 ELSE 2 END,
         CASE WHEN lower(t.valid) >= %(end)s THEN lower(t.valid) END,
         upper_inf(t.valid) DESC, upper(t.valid) DESC

-- name: lasting
-- The tickers that one instrument alone ever had, and has.
SELECT t.symbol, min(t.instrument_id)
FROM tickstock.tickers AS t
WHERE t.symbol = ANY (%(symbols)s)
GROUP BY t.symbol HAVING count(*) = 1 AND bool_and(upper_inf(t.valid))

-- name: resolve_dated
-- Whose ticker each symbol was on which of its days.
SELECT s.symbol, i.id, i.listed, i.delisted, i.gone_by,
       lower(t.valid * s.days) AS since, upper(t.valid * s.days) AS until
FROM (SELECT symbol, daterange(since, until) AS days
      FROM unnest(%(symbols)s::text[], %(since)s::date[], %(until)s::date[])
           AS u(symbol, since, until)) AS s
JOIN tickstock.tickers AS t ON t.symbol = s.symbol AND t.valid && s.days
JOIN tickstock.instruments AS i ON i.id = t.instrument_id
ORDER BY s.symbol, since

-- name: all_tickers
-- Every ticker that there is or was.
SELECT DISTINCT symbol FROM tickstock.tickers

-- name: starting
-- Tickers that begin with a text, the shortest first.
SELECT symbol FROM (
    SELECT DISTINCT symbol FROM tickstock.tickers WHERE starts_with(symbol, %(text)s)
) AS found
ORDER BY length(symbol), symbol LIMIT %(most)s

-- name: dated_tickers
-- The tickers of instruments that had more than one, by time; without bounds the first and last day.
SELECT instrument_id, symbol, coalesce(lower(valid), '0001-01-01') AS since,
       coalesce(upper(valid), '9999-12-31') AS until
FROM tickstock.tickers
WHERE instrument_id = ANY (
    SELECT instrument_id FROM tickstock.tickers
    WHERE instrument_id = ANY (%(ids)s) GROUP BY instrument_id HAVING count(*) > 1
)
ORDER BY instrument_id, since

-- name: changed_tickers
-- The tickers of instruments that had more than one, and those that more than one instrument had.
SELECT instrument_id, symbol, coalesce(lower(valid), '0001-01-01') AS since,
       coalesce(upper(valid), '9999-12-31') AS until
FROM tickstock.tickers
WHERE instrument_id IN (SELECT instrument_id FROM tickstock.tickers
                        GROUP BY instrument_id HAVING count(*) > 1)
   OR symbol IN (SELECT symbol FROM tickstock.tickers GROUP BY symbol HAVING count(*) > 1)
ORDER BY instrument_id, since

-- name: create
-- New instruments for tickers that name none, created under one lock: two jobs of the same
-- new symbol must not make two instruments of it. A ticker that another instrument has given up
-- is its own from that day on, and it was not listed before, as far as anybody can know.
WITH fresh AS (
    INSERT INTO tickstock.instruments (symbol, listed)
    SELECT s, (SELECT max(upper(t.valid)) FROM tickstock.tickers AS t WHERE t.symbol = s)
    FROM unnest(%(symbols)s::text[]) AS s
    WHERE NOT EXISTS (SELECT FROM tickstock.tickers AS t WHERE t.symbol = s AND upper_inf(t.valid))
    RETURNING id, symbol, listed
)
INSERT INTO tickstock.tickers (instrument_id, symbol, valid)
SELECT id, symbol, daterange(listed, NULL) FROM fresh

-- name: given_up
-- Since when tickers that other instruments had are free.
SELECT symbol, max(upper(valid)) FROM tickstock.tickers
WHERE symbol = ANY (%(symbols)s) GROUP BY symbol

-- name: lock_creation
-- Held until the transaction ends.
SELECT pg_advisory_xact_lock(%(space)s, %(what)s)

-- name: lifetimes
-- Listed and delisted days of instruments.
SELECT id, listed, delisted, gone_by FROM tickstock.instruments WHERE id = ANY (%(ids)s)

-- name: tickers_of
-- All dated tickers of some symbols, and whether bars are held of their instruments.
SELECT t.instrument_id, t.symbol, coalesce(lower(t.valid), '0001-01-01'),
       coalesce(upper(t.valid), '9999-12-31'),
       EXISTS (SELECT FROM tickstock.coverage AS c
               WHERE c.instrument_id = t.instrument_id AND c.bars > 0)
FROM tickstock.tickers AS t WHERE t.symbol = ANY (%(symbols)s)

-- name: new_instruments
-- Instruments that events tell of, in the order given.
INSERT INTO tickstock.instruments (symbol, listed, delisted, gone_by)
SELECT symbol, listed, delisted, gone_by
FROM unnest(%(symbols)s::text[], %(listed)s::date[], %(delisted)s::date[], %(gone_by)s::date[])
     WITH ORDINALITY AS n(symbol, listed, delisted, gone_by, place)
ORDER BY place
RETURNING id

-- name: drop_tickers
-- Tickers of instruments, to be written anew.
DELETE FROM tickstock.tickers WHERE instrument_id = ANY (%(ids)s) AND symbol = ANY (%(symbols)s)

-- name: add_tickers
-- Dated tickers; the first and last day there is stand for no bound.
INSERT INTO tickstock.tickers (instrument_id, symbol, valid, source)
SELECT id, symbol, daterange(nullif(since, '0001-01-01'), nullif(until, '9999-12-31')), %(source)s
FROM unnest(%(ids)s::int[], %(symbols)s::text[], %(since)s::date[], %(until)s::date[])
     AS n(id, symbol, since, until)
ON CONFLICT (symbol, valid) DO UPDATE
SET instrument_id = EXCLUDED.instrument_id, source = EXCLUDED.source

-- name: record_life
-- What events tell of an instrument that there was already; what they do not tell stays.
UPDATE tickstock.instruments AS i
SET symbol = n.symbol, listed = coalesce(n.listed, i.listed),
    delisted = coalesce(n.delisted, i.delisted), gone_by = coalesce(n.gone_by, i.gone_by)
FROM unnest(%(ids)s::int[], %(symbols)s::text[], %(listed)s::date[], %(delisted)s::date[],
            %(gone_by)s::date[]) AS n(id, symbol, listed, delisted, gone_by)
WHERE i.id = n.id

-- name: traded_symbols
-- Those of some symbols that were heard of as tickers: bars of the instrument are held, an event
-- told of it, or the vendor lists it now, among those listed or those no longer. What it listed once,
-- and says no longer, is not. One query over the set; a question for each took 33 s for 5,000.
SELECT DISTINCT t.symbol FROM tickstock.tickers AS t
WHERE t.symbol = ANY (%(symbols)s)
  AND (t.source <> '' AND t.source NOT LIKE 'list:%%' OR EXISTS (SELECT FROM tickstock.coverage AS c
                                 WHERE c.instrument_id = t.instrument_id AND c.bars > 0))
UNION
SELECT symbol FROM tickstock.listings WHERE symbol = ANY (%(symbols)s)
UNION
SELECT symbol FROM tickstock.listing_records
WHERE known_until IS NULL AND symbol = ANY (%(symbols)s)
