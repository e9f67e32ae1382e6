-- additive: tables, functions and triggers; older programs' writes are noted by these
-- 0029 bar files: which day bars a transaction wrote, and which files hold those of before.
-- Which day bars each transaction wrote, whoever it was: of these instruments (NULL: of any), on days
-- from `first` to `last`. Numbers of rows say nothing about the order of commits; that of the
-- transaction does, against the oldest one that was open when bar files were written.
CREATE TABLE tickstock.bar_changes (
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    timeframe   text NOT NULL,
    instruments integer[],
    first       date NOT NULL,
    last        date NOT NULL
);
CREATE INDEX bar_changes_by_transaction ON tickstock.bar_changes (transaction);

-- What the bar files in the folder `place` hold: all that transactions before `watermark` left, by
-- year. They are those of this database and none that was restored from it, see `bar_database`.
CREATE TABLE tickstock.bar_files (
    place     uuid NOT NULL,
    timeframe text NOT NULL,
    database  text NOT NULL,
    watermark xid8 NOT NULL,
    years     integer[] NOT NULL,
    names     text[] NOT NULL,
    folded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (place, timeframe),
    CHECK (cardinality(years) = cardinality(names))
);
-- They hold no bars, and a reading that may not look whether there are files would fail for it.
GRANT SELECT ON tickstock.bar_changes, tickstock.bar_files TO PUBLIC;

-- Which database this is: cluster, database and table of day bars. NULL where the server does not
-- tell. Numbers of transactions begin anew in a restored one, and must not be compared with others.
CREATE FUNCTION tickstock.bar_database() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = tickstock, pg_catalog AS $$
BEGIN
    IF NOT has_function_privilege('pg_control_system()', 'EXECUTE') THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT concat_ws('-', system_identifier,
                             (SELECT oid FROM pg_database WHERE datname = current_database()),
                             'bars_day'::regclass::oid)
            FROM pg_control_system());
END $$;

-- What other programs write, and what is replaced or removed: one row for each set of instruments
-- with the same first and last day in this statement. By the owner's right: whoever may write bars
-- leaves a note of it. Days are kept between those that are ever read, as `infinity` can be reckoned
-- with by nobody.
CREATE FUNCTION tickstock.record_bar_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
DECLARE
    first_ constant date := '0001-01-01';
    last_  constant date := '9999-12-31';
BEGIN
    IF TG_OP IN ('INSERT', 'TRUNCATE') THEN
        INSERT INTO bar_changes (timeframe, first, last) VALUES ('day', first_, last_);
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO bar_changes (timeframe, instruments, first, last)
        SELECT 'day', array_agg(instrument_id), least(greatest(low, first_), last_),
               least(greatest(high, first_), last_)
        FROM (SELECT instrument_id, min(at) AS low, max(at) AS high
              FROM old_rows GROUP BY instrument_id) AS n
        GROUP BY low, high;
    ELSE
        INSERT INTO bar_changes (timeframe, instruments, first, last)
        SELECT 'day', array_agg(instrument_id), least(greatest(low, first_), last_),
               least(greatest(high, first_), last_)
        FROM (SELECT instrument_id, min(at) AS low, max(at) AS high
              FROM (SELECT instrument_id, at FROM old_rows
                    UNION ALL SELECT instrument_id, at FROM new_rows) AS b
              GROUP BY instrument_id) AS n
        GROUP BY low, high;
    END IF;
    RETURN NULL;
END $$;

-- Without the rows that were added: to keep them for a trigger takes a third of the time of the COPY
-- that adds them. Writers of ours say what they add, and that they do; of others nothing is known.
CREATE TRIGGER bars_day_added AFTER INSERT ON tickstock.bars_day FOR EACH STATEMENT
    WHEN (current_setting('tickstock.bar_changes', true) IS DISTINCT FROM 'noted')
    EXECUTE FUNCTION tickstock.record_bar_changes();
CREATE TRIGGER bars_day_changed AFTER UPDATE ON tickstock.bars_day
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_bar_changes();
CREATE TRIGGER bars_day_removed AFTER DELETE ON tickstock.bars_day
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_bar_changes();
CREATE TRIGGER bars_day_emptied AFTER TRUNCATE ON tickstock.bars_day
    FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_bar_changes();
