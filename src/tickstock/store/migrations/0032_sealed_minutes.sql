-- 0032 sealed minutes: months of minute bars in files. Programs of before would not see them.
-- Files of minute bars of a month that are in no table any more. A name is used once.
CREATE TABLE tickstock.sealed_files (
    id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9-]+$'),
    month     date NOT NULL,
    rows      bigint NOT NULL,
    bytes     bigint NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Which file has the bars of an instrument in a month (UTC), where in it they are, and what their hashes
-- add up to. A bar of theirs that is in `bars_minute` as well is newer, and counts.
CREATE TABLE tickstock.sealed_bars (
    instrument_id integer NOT NULL,
    month         date NOT NULL,
    file_id       integer NOT NULL REFERENCES tickstock.sealed_files,
    row_group     integer NOT NULL,
    first_row     integer NOT NULL,
    rows          integer NOT NULL,
    hash          bigint NOT NULL,
    PRIMARY KEY (instrument_id, month)
);
CREATE INDEX sealed_bars_by_file ON tickstock.sealed_bars (file_id);
CREATE INDEX sealed_bars_by_month ON tickstock.sealed_bars (month);
-- They hold no bars, and who may read bars has to know where the others are.
GRANT SELECT ON tickstock.sealed_files, tickstock.sealed_bars TO PUBLIC;

-- Gives the disk back what a month's partition takes, where VACUUM has found that nobody sees a bar in
-- it: TRUNCATE alone would take bars from those who began to read before. Whether that was done. By the
-- owner's right, as `add_minute_months`.
CREATE FUNCTION tickstock.free_minute_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
DECLARE
    name constant text := 'bars_minute_' || to_char(month, 'YYYY_MM');
BEGIN
    EXECUTE format('LOCK TABLE tickstock.%I IN ACCESS EXCLUSIVE MODE NOWAIT', name);
    IF pg_relation_size(format('tickstock.%I', name)) > 0 THEN
        RETURN false;
    END IF;
    EXECUTE format('TRUNCATE tickstock.%I', name);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION tickstock.free_minute_month(date) FROM PUBLIC;
