-- 0036 sealed hours: months of hour bars in files as well. Programs of before would not see them, and
-- take a file of hours for one of minutes.
ALTER TABLE tickstock.sealed_files ADD COLUMN timeframe text NOT NULL DEFAULT '1min';
ALTER TABLE tickstock.sealed_files ALTER COLUMN timeframe DROP DEFAULT;
ALTER TABLE tickstock.sealed_bars ADD COLUMN timeframe text NOT NULL DEFAULT '1min';
ALTER TABLE tickstock.sealed_bars ALTER COLUMN timeframe DROP DEFAULT;
ALTER TABLE tickstock.sealed_bars DROP CONSTRAINT sealed_bars_pkey;
ALTER TABLE tickstock.sealed_bars ADD PRIMARY KEY (instrument_id, timeframe, month);
DROP INDEX tickstock.sealed_bars_by_month;
CREATE INDEX sealed_bars_by_month ON tickstock.sealed_bars (timeframe, month);
