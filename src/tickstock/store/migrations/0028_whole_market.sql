-- additive: tables, and columns without a default that only new code reads
-- 0028 whole market: what kind of security an instrument is and whose, as the vendor's lists tell; these
-- lists as they were read, each record with since when and until when it was said; and the pages of a
-- reading that is under way, so that it goes on where it was left.
ALTER TABLE tickstock.instruments ADD COLUMN kind text, ADD COLUMN cik text;
CREATE TABLE tickstock.listing_records (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source           text NOT NULL,
    symbol           text NOT NULL,
    is_active        boolean NOT NULL,
    kind             text NOT NULL DEFAULT '',
    exchange         text NOT NULL DEFAULT '',
    name             text NOT NULL DEFAULT '',
    figi             text NOT NULL DEFAULT '',
    share_class_figi text NOT NULL DEFAULT '',
    cik              text NOT NULL DEFAULT '',
    delisted         date,
    instrument_id    integer REFERENCES tickstock.instruments,
    known_from       timestamptz NOT NULL DEFAULT clock_timestamp(),
    known_until      timestamptz
);
CREATE INDEX listing_records_by_symbol ON tickstock.listing_records (symbol);
CREATE INDEX listing_records_by_figi ON tickstock.listing_records (figi) WHERE figi <> '';
CREATE TABLE tickstock.listing_pages (
    source    text NOT NULL,
    is_active boolean NOT NULL,
    page      integer NOT NULL,
    next      text NOT NULL DEFAULT '',
    records   jsonb NOT NULL,
    read_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, is_active, page)
);
