-- additive: a table, columns, functions and triggers that mark what an earlier program writes
-- 0023 checksums: what the bars of each instrument and day were when they were written, and the same
-- of what is kept about them, so that it is seen when they become something else.

LOCK TABLE tickstock.bar_revisions IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE tickstock.coverage IN ACCESS EXCLUSIVE MODE;

-- One row per write. `sums` are those of the bars of each instrument and day, `days` their days since
-- 1970 (both little-endian, of 4 bytes), `counts` of them for each of the instruments in turn; where
-- all have the same days these stand there once. Of an instrument and day the last row counts.
-- Without sums: from here on nothing is known of the instruments' days in `unknown`.
CREATE TABLE tickstock.bar_checksums (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    timeframe   text NOT NULL,
    instruments integer[] NOT NULL,
    counts      integer[],
    days        bytea,
    sums        bytea,
    unknown     datemultirange,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (num_nulls(counts, days, sums) IN (0, 3) AND (sums IS NULL) <> (unknown IS NULL))
);
-- Sums are noise: trying to compress them costs more than writing them.
ALTER TABLE tickstock.bar_checksums ALTER days SET STORAGE EXTERNAL, ALTER sums SET STORAGE EXTERNAL;

-- What `origin` and `updated_at` were when a load last wrote the row; the rest can be counted again.
ALTER TABLE tickstock.coverage ADD COLUMN written_origin text, ADD COLUMN written_at timestamptz;

-- What a program of before checksums writes is marked: nobody knows what it should be.
CREATE FUNCTION tickstock.forget_checksums() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tickstock, pg_catalog SET enable_nestloop = off AS $$
BEGIN
    IF TG_TABLE_NAME = 'bar_revisions' THEN
        INSERT INTO bar_checksums (timeframe, instruments, unknown)
        SELECT timeframe, array_agg(DISTINCT instrument_id),
               datemultirange(daterange(day, day + 1))
        FROM (SELECT timeframe, instrument_id,
                     (at AT TIME ZONE CASE timeframe WHEN 'day' THEN 'UTC'
                                                     ELSE 'America/New_York' END)::date AS day
              FROM new_rows) AS n
        GROUP BY timeframe, day;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO bar_checksums (timeframe, instruments, unknown)
        SELECT timeframe, array_agg(instrument_id), held
        FROM new_rows WHERE NOT isempty(held) GROUP BY timeframe, held;
    ELSE
        INSERT INTO bar_checksums (timeframe, instruments, unknown)
        SELECT timeframe, array_agg(instrument_id), gained
        FROM (SELECT instrument_id, timeframe, n.held - o.held AS gained
              FROM new_rows AS n JOIN old_rows AS o USING (instrument_id, timeframe)) AS g
        WHERE NOT isempty(gained) GROUP BY timeframe, gained;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER bar_revisions_unknown AFTER INSERT ON tickstock.bar_revisions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN (current_setting('tickstock.checksums', true) IS DISTINCT FROM 'kept')
    EXECUTE FUNCTION tickstock.forget_checksums();
CREATE TRIGGER coverage_unknown_begins AFTER INSERT ON tickstock.coverage
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN (current_setting('tickstock.checksums', true) IS DISTINCT FROM 'kept')
    EXECUTE FUNCTION tickstock.forget_checksums();
CREATE TRIGGER coverage_unknown_grows AFTER UPDATE ON tickstock.coverage
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    WHEN (current_setting('tickstock.checksums', true) IS DISTINCT FROM 'kept')
    EXECUTE FUNCTION tickstock.forget_checksums();

-- A program of before checksums only adds, and dates what it writes.
CREATE FUNCTION tickstock.forget_what_was_written() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.written_at := NULL;
    NEW.written_origin := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER coverage_written_unknown BEFORE UPDATE ON tickstock.coverage FOR EACH ROW
    WHEN (OLD.written_at = OLD.updated_at AND OLD.written_origin = OLD.origin
          AND NEW.written_at = OLD.written_at AND NEW.updated_at >= now()
          AND NEW.held @> OLD.held AND NEW.bars >= OLD.bars
          AND (NEW.held <> OLD.held OR NEW.bars > OLD.bars OR NEW.origin <> OLD.origin))
    EXECUTE FUNCTION tickstock.forget_what_was_written();

-- Nothing is known of what is there already.
INSERT INTO tickstock.bar_checksums (timeframe, instruments, unknown)
SELECT timeframe, array_agg(instrument_id ORDER BY instrument_id), held
FROM tickstock.coverage WHERE NOT isempty(held) GROUP BY timeframe, held;

-- ---------------------------------------------------------------------- the ledger
ALTER TABLE tickstock.loads ADD COLUMN checksum bytea;

-- Of a load that has ended: 8 bytes for it and its items, 8 for its splits and dividends (zero while
-- somebody asks for them), and for each call its number (8 bytes) and 4 more.
CREATE FUNCTION tickstock.load_checksum(load_id uuid) RETURNS bytea
LANGUAGE sql STABLE SET DateStyle = 'ISO' SET TimeZone = 'UTC' SET extra_float_digits = 1 AS $$
    SELECT substring(sha256(convert_to(
               ROW(l.id, l.client_id, l.title, l.requested_by, l.request, l.summary, l.vendor, l.state,
                   l.message, l.report, l.created_at, l.started_at, l.finished_at)::text
               || coalesce((SELECT string_agg(
                      ROW(i.instrument_id, i.timeframe, i.symbol, i.span, i.expected, i.held_before,
                          i.spells)::text, '' ORDER BY i.instrument_id, i.timeframe COLLATE "C")
                  FROM tickstock.load_items AS i WHERE i.load_id = l.id), ''), 'UTF8')) FOR 8)
        || coalesce((SELECT substring(sha256(convert_to(
                  ROW(a.state, a.calls, a.added, a.corrected, a.withdrawn, a.message)::text, 'UTF8')) FOR 8)
              FROM tickstock.load_actions AS a WHERE a.load_id = l.id AND a.state <> 'running'),
              '\x0000000000000000')
        || coalesce((SELECT string_agg(
                  int8send(c.id) || substring(sha256(convert_to(
                      ROW(c.position, c.kind, c.timeframe, c.symbol, c.span, c.cells, c.state, c.attempt,
                          c.fence, c.worker, c.held, c.rows_new, c.rows_changed, c.pages, c.error_class,
                          c.error, c.done_at, c.parent_id, c.depth, c.tickers, c.file_key)::text,
                      'UTF8')) FOR 4), '' ORDER BY c.id)
              FROM tickstock.calls AS c WHERE c.load_id = l.id), '')
    FROM tickstock.loads AS l WHERE l.id = $1
$$;

-- A load that begins again has not ended; whoever ends it says anew what it is.
CREATE FUNCTION tickstock.forget_checksum() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.checksum := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER loads_reopened BEFORE UPDATE ON tickstock.loads FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL AND NEW.finished_at IS NULL)
    EXECUTE FUNCTION tickstock.forget_checksum();
