-- 0002 sign in: the people who use the page, their sessions, one-time links, failed attempts, and
-- the log of what was done by whom. Of every token only the SHA-256 is kept: whoever reads this
-- database cannot sign in with what is in it.
CREATE TABLE tickstock.users (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL,
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX users_by_name ON tickstock.users (lower(name));

-- `user_id` is NULL for somebody who came by a one-time link.
CREATE TABLE tickstock.web_sessions (
    token_hash bytea PRIMARY KEY,
    user_id    integer REFERENCES tickstock.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX web_sessions_of_user ON tickstock.web_sessions (user_id);

CREATE TABLE tickstock.sign_in_links (
    token_hash bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE TABLE tickstock.sign_in_failures (
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    name    text NOT NULL,
    address text NOT NULL
);
CREATE INDEX sign_in_failures_by_age ON tickstock.sign_in_failures (at);

CREATE TABLE tickstock.audit_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    who     text NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL DEFAULT ''
);
