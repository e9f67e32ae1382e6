-- name: closes
-- Day bars of some instruments from one day up to another, one row of arrays an instrument.
SELECT w.id, b.*
FROM unnest(%(ids)s::int[]) AS w(id),
LATERAL (
    SELECT array_agg((s.at - DATE '1970-01-01')::bigint) AS at, array_agg(s.close),
           array_agg(s.volume)
    FROM tickstock.bars_day AS s
    WHERE s.instrument_id = w.id AND s.at >= %(start)s AND s.at < %(end)s
) AS b
WHERE b.at IS NOT NULL

-- name: listed
-- Since when instruments are listed, in columns: as told, else from the first day bar that is held.
SELECT array_agg(i.id::bigint),
       array_agg(coalesce(coalesce(i.listed, (SELECT b.at FROM tickstock.bars_day AS b
                                              WHERE b.instrument_id = i.id ORDER BY b.at LIMIT 1))
                          - DATE '1970-01-01', %(unknown)s)::bigint)
FROM tickstock.instruments AS i WHERE i.id = ANY (%(ids)s)
HAVING count(*) > 0

-- name: told_listed
-- Since when instruments are listed, in columns, as told.
SELECT array_agg(i.id::bigint),
       array_agg(coalesce(i.listed - DATE '1970-01-01', %(unknown)s)::bigint)
FROM tickstock.instruments AS i WHERE i.id = ANY (%(ids)s)
HAVING count(*) > 0

-- name: newest
-- The newest day of which one of some instruments has a bar.
SELECT max(b.at)
FROM unnest(%(ids)s::int[]) AS w(id),
LATERAL (SELECT at FROM tickstock.bars_day WHERE instrument_id = w.id ORDER BY at DESC LIMIT 1) AS b
