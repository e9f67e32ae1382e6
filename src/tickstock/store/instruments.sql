-- name: resolve
-- The instrument that each ticker names today (or that it named last).
SELECT DISTINCT ON (t.symbol) t.symbol, i.id, i.listed, i.delisted
FROM tickstock.tickers AS t JOIN tickstock.instruments AS i ON i.id = t.instrument_id
WHERE t.symbol = ANY (%(symbols)s)
ORDER BY t.symbol, upper_inf(t.valid) DESC, upper(t.valid) DESC

-- name: create
-- New instruments for tickers that name none, created under one lock: two loads of the same
-- new symbol must not make two instruments of it.
WITH fresh AS (
    INSERT INTO tickstock.instruments (symbol)
    SELECT s FROM unnest(%(symbols)s::text[]) AS s
    WHERE NOT EXISTS (SELECT FROM tickstock.tickers AS t WHERE t.symbol = s)
    RETURNING id, symbol
)
INSERT INTO tickstock.tickers (instrument_id, symbol) SELECT id, symbol FROM fresh

-- name: lock_creation
-- Held until the transaction ends.
SELECT pg_advisory_xact_lock(1768845156, 1)

-- name: lifetimes
-- Listed and delisted days of instruments.
SELECT id, listed, delisted FROM tickstock.instruments WHERE id = ANY (%(ids)s)
