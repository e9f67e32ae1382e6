-- name: drop
-- What a vendor listed before, to be written anew.
DELETE FROM tickstock.listings WHERE source = %(source)s

-- name: add
-- Symbols that a vendor lists; what another vendor listed under the same symbol is replaced.
INSERT INTO tickstock.listings (symbol, kind, exchange, name, figi, share_class_figi, cik, source)
SELECT symbol, kind, exchange, name, nullif(figi, ''), nullif(share_class_figi, ''),
       nullif(cik, ''), %(source)s
FROM unnest(%(symbol)s::text[], %(kind)s::text[], %(exchange)s::text[], %(name)s::text[],
            %(figi)s::text[], %(share_class_figi)s::text[], %(cik)s::text[])
     AS l(symbol, kind, exchange, name, figi, share_class_figi, cik)
ON CONFLICT (symbol) DO UPDATE
SET kind = EXCLUDED.kind, exchange = EXCLUDED.exchange, name = EXCLUDED.name,
    figi = EXCLUDED.figi, share_class_figi = EXCLUDED.share_class_figi, cik = EXCLUDED.cik,
    source = EXCLUDED.source, read_at = EXCLUDED.read_at

-- name: state
-- How many symbols are listed by whom, and since when that is known.
SELECT source, count(*), min(read_at) FROM tickstock.listings GROUP BY source ORDER BY source

-- name: symbols
-- Every symbol that is listed.
SELECT symbol FROM tickstock.listings

-- name: by_figi
-- The symbols of identifiers of Bloomberg's, of the listing or of the share class.
SELECT f.figi, l.symbol
FROM unnest(%(figis)s::text[]) AS f(figi)
JOIN tickstock.listings AS l ON l.figi = f.figi OR l.share_class_figi = f.figi
ORDER BY f.figi, l.symbol

-- name: by_cusip
-- The symbols that were answered for CUSIPs; NULL where none is known.
SELECT cusip, symbol FROM tickstock.identifiers WHERE cusip = ANY (%(cusips)s)

-- name: note
-- What was answered about CUSIPs.
INSERT INTO tickstock.identifiers (cusip, symbol, source)
SELECT cusip, nullif(symbol, ''), %(source)s
FROM unnest(%(cusips)s::text[], %(symbols)s::text[]) AS i(cusip, symbol)
ON CONFLICT (cusip) DO UPDATE
SET symbol = EXCLUDED.symbol, source = EXCLUDED.source, read_at = EXCLUDED.read_at
