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

-- name: pages
-- What of a reading that is under way was read since a time.
SELECT is_active, page, next, records FROM tickstock.listing_pages
WHERE source = %(source)s AND read_at >= %(since)s ORDER BY is_active, page

-- name: add_page
-- A page that was read.
INSERT INTO tickstock.listing_pages (source, is_active, page, next, records)
VALUES (%(source)s, %(is_active)s, %(page)s, %(next)s, %(records)s)
ON CONFLICT (source, is_active, page) DO UPDATE
SET next = EXCLUDED.next, records = EXCLUDED.records, read_at = clock_timestamp()

-- name: drop_pages
-- The reading has ended, or begins anew.
DELETE FROM tickstock.listing_pages WHERE source = %(source)s

-- name: counts
-- How many records of each list are known now.
SELECT is_active, count(*) FROM tickstock.listing_records
WHERE source = %(source)s AND known_until IS NULL GROUP BY is_active

-- name: end_records
-- What was said, and is no longer.
UPDATE tickstock.listing_records AS r SET known_until = clock_timestamp()
WHERE r.source = %(source)s AND r.known_until IS NULL AND NOT EXISTS (
    SELECT FROM unnest(%(symbol)s::text[], %(is_active)s::bool[], %(kind)s::text[],
                       %(exchange)s::text[], %(name)s::text[], %(figi)s::text[],
                       %(share_class_figi)s::text[], %(cik)s::text[], %(delisted)s::date[])
         AS n(symbol, is_active, kind, exchange, name, figi, share_class_figi, cik, delisted)
    WHERE (n.symbol, n.is_active, n.kind, n.exchange, n.name, n.figi, n.share_class_figi, n.cik,
           coalesce(n.delisted, '0001-01-01'))
        = (r.symbol, r.is_active, r.kind, r.exchange, r.name, r.figi, r.share_class_figi, r.cik,
           coalesce(r.delisted, '0001-01-01')))

-- name: add_records
-- What is said now, and was not.
INSERT INTO tickstock.listing_records
    (source, symbol, is_active, kind, exchange, name, figi, share_class_figi, cik, delisted)
SELECT %(source)s, n.*
FROM unnest(%(symbol)s::text[], %(is_active)s::bool[], %(kind)s::text[], %(exchange)s::text[],
            %(name)s::text[], %(figi)s::text[], %(share_class_figi)s::text[], %(cik)s::text[],
            %(delisted)s::date[])
     AS n(symbol, is_active, kind, exchange, name, figi, share_class_figi, cik, delisted)
WHERE NOT EXISTS (
    SELECT FROM tickstock.listing_records AS r
    WHERE r.source = %(source)s AND r.known_until IS NULL
      AND (n.symbol, n.is_active, n.kind, n.exchange, n.name, n.figi, n.share_class_figi, n.cik,
           coalesce(n.delisted, '0001-01-01'))
        = (r.symbol, r.is_active, r.kind, r.exchange, r.name, r.figi, r.share_class_figi, r.cik,
           coalesce(r.delisted, '0001-01-01')))

-- name: untell
-- What was told of other instruments before, and turns out to be told of these.
UPDATE tickstock.instruments AS i SET kind = NULL, figi = NULL, cik = NULL, delisted = NULL
FROM unnest(%(ids)s::int[], %(figi)s::text[]) AS n(id, figi)
WHERE n.figi <> '' AND i.figi = n.figi AND i.id <> n.id

-- name: record_instruments
-- What a list tells of instruments: what they are, and their last day. What it does not tell stays.
UPDATE tickstock.instruments AS i
SET kind = coalesce(nullif(n.kind, ''), i.kind), figi = coalesce(nullif(n.figi, ''), i.figi),
    cik = coalesce(nullif(n.cik, ''), i.cik), delisted = coalesce(i.delisted, n.delisted)
FROM unnest(%(ids)s::int[], %(kind)s::text[], %(figi)s::text[], %(cik)s::text[],
            %(delisted)s::date[]) AS n(id, kind, figi, cik, delisted)
WHERE i.id = n.id

-- name: date_tickers
-- On which days tickers are whose, where that was not told before.
UPDATE tickstock.tickers AS t
SET valid = daterange(nullif(n.since, '0001-01-01'), nullif(n.until, '9999-12-31')),
    source = %(as_told)s
FROM unnest(%(ids)s::int[], %(symbol)s::text[], %(since)s::date[], %(until)s::date[])
     AS n(id, symbol, since, until)
WHERE t.instrument_id = n.id AND t.symbol = n.symbol AND t.source IN ('', %(as_told)s)

-- name: point_records
-- Whose the records are that are known now.
UPDATE tickstock.listing_records AS r SET instrument_id = n.id
FROM unnest(%(ids)s::int[], %(symbol)s::text[], %(is_active)s::bool[], %(delisted)s::date[])
     AS n(id, symbol, is_active, delisted)
WHERE r.source = %(source)s AND r.known_until IS NULL AND r.symbol = n.symbol
  AND r.is_active = n.is_active AND r.delisted IS NOT DISTINCT FROM n.delisted
  AND r.instrument_id IS DISTINCT FROM n.id

-- name: renamed
-- Listings that were said to have one ticker up to now, and are said to have another one, by FIGI.
SELECT o.symbol AS before, n.symbol AS after
FROM tickstock.listing_records AS o
JOIN tickstock.listing_records AS n ON n.figi = o.figi AND n.source = o.source
WHERE o.source = %(source)s AND o.figi <> '' AND o.is_active AND o.known_until >= now()
  AND n.is_active AND n.known_until IS NULL AND n.symbol <> o.symbol
  AND NOT EXISTS (SELECT FROM tickstock.listing_records AS s
                  WHERE s.source = o.source AND s.symbol = o.symbol AND s.figi = o.figi
                    AND s.is_active AND s.known_until IS NULL)
ORDER BY after, before
