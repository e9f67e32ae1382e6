-- name: add_items
-- What the job was asked to hold.
INSERT INTO tickstock.load_items
    (load_id, instrument_id, timeframe, symbol, span, expected, held_before, spells)
SELECT %(load_id)s, id, timeframe, symbol, daterange(start, "end"), expected, held,
       spells::datemultirange
FROM unnest(%(ids)s::int[], %(timeframes)s::text[], %(symbols)s::text[], %(starts)s::date[],
            %(ends)s::date[], %(expected)s::int[], %(held)s::int[], %(intervals)s::text[])
     AS n(id, timeframe, symbol, start, "end", expected, held, spells)

-- name: items
-- What the job was asked to hold.
SELECT instrument_id, symbol, timeframe, lower(span) AS start, upper(span) AS "end", expected,
       held_before, spells AS intervals
FROM tickstock.load_items WHERE load_id = %(load_id)s ORDER BY timeframe, symbol
