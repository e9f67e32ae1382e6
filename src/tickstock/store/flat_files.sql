-- name: note
-- Which version of a file was read; the answer tells whether it took another one's place.
WITH before AS (
    SELECT etag FROM tickstock.flat_files WHERE timeframe = %(timeframe)s AND day = %(day)s
), noted AS (
    INSERT INTO tickstock.flat_files AS f (timeframe, day, etag, bytes)
    VALUES (%(timeframe)s, %(day)s, %(etag)s, %(bytes)s)
    ON CONFLICT (timeframe, day) DO UPDATE
    SET replaced_at = CASE WHEN f.etag <> EXCLUDED.etag THEN clock_timestamp() ELSE f.replaced_at END,
        etag = EXCLUDED.etag, bytes = EXCLUDED.bytes, read_at = clock_timestamp()
)
SELECT coalesce((SELECT etag <> %(etag)s FROM before), false)
