-- name: appeared
-- Instruments that began to trade after the first session that is held of the whole market, and of
-- which no earlier ticker is known.
SELECT max(t.symbol) AS symbol, coalesce(i.figi, '') AS figi,
       bool_and(upper_inf(t.valid)) AND i.delisted IS NULL AS is_listed
FROM tickstock.coverage AS c
JOIN tickstock.instruments AS i ON i.id = c.instrument_id
JOIN tickstock.tickers AS t ON t.instrument_id = i.id
WHERE c.timeframe = 'day' AND c.bars > 0 AND c.first_at >= %(first)s::date + 1 AND i.id <> %(market)s
GROUP BY i.id HAVING count(*) = 1
ORDER BY symbol

-- name: named
-- The instruments of some ids, under their last tickers.
SELECT DISTINCT ON (i.id) t.symbol, coalesce(i.figi, '') AS figi,
       upper_inf(t.valid) AND i.delisted IS NULL AS is_listed
FROM tickstock.instruments AS i JOIN tickstock.tickers AS t ON t.instrument_id = i.id
WHERE i.id = ANY (%(ids)s)
ORDER BY i.id, upper_inf(t.valid) DESC, upper(t.valid) DESC

-- name: answered
-- What was answered since a time.
SELECT asked FROM tickstock.ticker_histories
WHERE source = %(source)s AND known_until IS NULL AND read_at >= %(since)s

-- name: owners
-- Who has some tickers when, who said so, and from when to when day bars are held under them.
SELECT t.instrument_id AS id, t.symbol, coalesce(lower(t.valid), '0001-01-01') AS since,
       coalesce(upper(t.valid), '9999-12-31') AS until, t.source, coalesce(i.figi, '') AS figi,
       coalesce(i.cik, '') AS cik, i.delisted,
       greatest((c.first_at AT TIME ZONE 'UTC')::date, lower(t.valid)) AS first,
       least((c.last_at AT TIME ZONE 'UTC')::date + 1, upper(t.valid)) AS "end"
FROM tickstock.tickers AS t
JOIN tickstock.instruments AS i ON i.id = t.instrument_id
LEFT JOIN tickstock.coverage AS c
       ON c.instrument_id = t.instrument_id AND c.timeframe = 'day' AND c.bars > 0
WHERE t.symbol = ANY (%(symbols)s)
ORDER BY t.symbol, since

-- name: again
-- The same answer as before was given once more.
UPDATE tickstock.ticker_histories SET read_at = clock_timestamp(), verdict = %(verdict)s
WHERE source = %(source)s AND asked = %(asked)s AND known_until IS NULL
  AND (name, figi, cik, days, tickers)
    = (%(name)s, %(figi)s, %(cik)s, %(days)s::date[], %(tickers)s::text[])

-- name: end
-- What was answered, and is no longer.
UPDATE tickstock.ticker_histories SET known_until = clock_timestamp()
WHERE source = %(source)s AND asked = %(asked)s AND known_until IS NULL

-- name: add
-- What is answered now.
INSERT INTO tickstock.ticker_histories (source, asked, name, figi, cik, days, tickers, verdict)
VALUES (%(source)s, %(asked)s, %(name)s, %(figi)s, %(cik)s, %(days)s, %(tickers)s, %(verdict)s)

-- name: refused
-- Since when an account is known to be refused, and in which words.
SELECT words, refused_at FROM tickstock.ticker_events_refused
WHERE vendor = %(vendor)s AND account = %(account)s AND refused_at >= %(since)s

-- name: refuse
-- An account is refused.
INSERT INTO tickstock.ticker_events_refused (vendor, account, words, refused_at)
VALUES (%(vendor)s, %(account)s, %(words)s, %(now)s)
ON CONFLICT (vendor, account) DO UPDATE SET words = excluded.words, refused_at = excluded.refused_at

-- name: forget
-- The next time it is asked again.
DELETE FROM tickstock.ticker_events_refused WHERE vendor = %(vendor)s
