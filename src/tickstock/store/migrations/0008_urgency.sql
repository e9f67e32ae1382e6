-- Who is the most urgent of those that wait for the next grant of a call budget, and until when it is
-- kept for them: so a small request passes a huge backfill also from another process.
ALTER TABLE tickstock.budgets ADD COLUMN wanted_priority integer NOT NULL DEFAULT 0,
                              ADD COLUMN wanted_until timestamptz;
