-- name: add
-- What a view showed, until when it may be looked at by whom has the token.
INSERT INTO tickstock.receipts (token_hash, made_at, made_by, reason, universe, timeframe, first, last,
                                expires_at, instruments, unknown, state, body)
VALUES (%(token_hash)s, %(made_at)s, %(made_by)s, %(reason)s, %(universe)s, %(timeframe)s, %(first)s,
        %(last)s, clock_timestamp() + %(life)s, %(instruments)s, %(unknown)s, %(state)s,
        %(body)s::jsonb)
RETURNING id

-- name: lock
-- One receipt is made at a time: of many at once each must see the others.
LOCK TABLE tickstock.receipts IN SHARE ROW EXCLUSIVE MODE

-- name: live_of
-- How many receipts of somebody can be looked at.
SELECT count(*) FROM tickstock.receipts
WHERE made_by = %(made_by)s AND revoked_at IS NULL AND expires_at > clock_timestamp()

-- name: find
-- The receipt of a token, while it is neither revoked nor past its time.
SELECT id, body::text AS body, expires_at, instruments, unknown, timeframe, first, last, state
FROM tickstock.receipts
WHERE token_hash = %(token_hash)s AND revoked_at IS NULL AND expires_at > clock_timestamp()

-- name: made
-- Receipts of somebody, or (NULL) of everybody; the latest first.
SELECT id, made_at, made_by, reason, universe, timeframe, first, last, expires_at, revoked_at, revoked_by,
       expires_at <= clock_timestamp() AS expired
FROM tickstock.receipts
WHERE made_by = coalesce(%(made_by)s, made_by)
ORDER BY id DESC LIMIT %(most)s OFFSET %(skip)s

-- name: revoke
-- Nobody can look at it any more. Nothing where there is none, or none of this maker (NULL: anybody's).
UPDATE tickstock.receipts
SET revoked_by = CASE WHEN revoked_at IS NULL THEN %(revoked_by)s ELSE revoked_by END,
    revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE id = %(id)s AND made_by = coalesce(%(made_by)s, made_by)
RETURNING universe

-- name: forget
-- Receipts go that nobody can look at any more, since before a time.
SELECT tickstock.forget_receipts(%(before)s)

-- name: state
-- Another text whenever something has changed of what is held of instruments in a span, of why the rest
-- is not, of bars that were held, or of symbols that nobody had heard of.
SELECT encode(sha256(convert_to(concat_ws('|',
    (SELECT string_agg(concat_ws(' ', c.instrument_id, c.origin, lower(r) - DATE '1970-01-01',
                                 upper(r) - DATE '1970-01-01'), ',' ORDER BY c.instrument_id, r)
     FROM tickstock.coverage AS c,
          unnest(c.held * datemultirange(daterange(%(start)s, %(end)s))) AS r
     WHERE c.timeframe = %(timeframe)s AND c.instrument_id = ANY (%(ids)s)),
    (SELECT string_agg(concat_ws(' ', h.instrument_id, h.cause, lower(h.span) - DATE '1970-01-01',
                                 upper(h.span) - DATE '1970-01-01'), ','
                       ORDER BY h.instrument_id, h.span, h.cause)
     FROM tickstock.holes AS h
     WHERE h.timeframe = %(timeframe)s AND h.instrument_id = ANY (%(ids)s)
       AND h.span && daterange(%(start)s, %(end)s)),
    (SELECT concat_ws(' ', count(*), extract(epoch FROM max(v.replaced_at)))
     FROM tickstock.bar_revisions AS v
     WHERE v.timeframe = %(timeframe)s AND v.instrument_id = ANY (%(ids)s)
       AND v.at >= %(start)s::timestamp AT TIME ZONE %(zone)s
       AND v.at < %(end)s::timestamp AT TIME ZONE %(zone)s),
    (SELECT count(DISTINCT t.symbol) FROM tickstock.tickers AS t WHERE t.symbol = ANY (%(unknown)s))
), 'UTF8')), 'hex')
