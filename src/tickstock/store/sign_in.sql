-- name: add_user
-- A person with a password; nothing when the name is taken, whatever its capitals.
INSERT INTO tickstock.users (name, role, password_hash)
VALUES (%(name)s, %(role)s, %(password_hash)s)
ON CONFLICT (lower(name)) DO NOTHING
RETURNING id

-- name: users
-- Everybody who may sign in with a password.
SELECT name, role, created_at FROM tickstock.users ORDER BY lower(name)

-- name: has_users
-- Whether anybody may sign in with a password.
SELECT EXISTS (SELECT FROM tickstock.users)

-- name: user
-- What is needed to check a password.
SELECT id, name, role, password_hash FROM tickstock.users WHERE lower(name) = lower(%(name)s)

-- name: remove_user
-- A person may no longer sign in; the sessions go along.
DELETE FROM tickstock.users WHERE lower(name) = lower(%(name)s) RETURNING id

-- name: set_password
-- Another password.
UPDATE tickstock.users
SET password_hash = %(password_hash)s
WHERE lower(name) = lower(%(name)s)
RETURNING id

-- name: set_role
-- Another role; not from admin where nobody else is one. Nothing when there is nobody of that name.
UPDATE tickstock.users AS u
SET role = %(role)s
WHERE lower(name) = lower(%(name)s)
  AND (%(role)s = 'admin' OR u.role <> 'admin'
       OR EXISTS (SELECT FROM tickstock.users AS o WHERE o.role = 'admin' AND o.id <> u.id))
RETURNING id

-- name: lock_roles
-- One change of roles at a time: of two last admins each could think the other stays.
LOCK TABLE tickstock.users IN SHARE ROW EXCLUSIVE MODE

-- name: end_sessions_of
-- Signs a person out everywhere.
DELETE FROM tickstock.web_sessions WHERE user_id = %(user_id)s

-- name: add_session
-- A new session, of a user or (NULL) of somebody who came by a one-time link.
INSERT INTO tickstock.web_sessions (token_hash, user_id) VALUES (%(token_hash)s, %(user_id)s)

-- name: session
-- Who a session belongs to, while it is neither too old nor idle for too long.
SELECT u.name, u.role, s.seen_at < clock_timestamp() - interval '1 minute' AS long_ago
FROM tickstock.web_sessions AS s LEFT JOIN tickstock.users AS u ON u.id = s.user_id
WHERE s.token_hash = %(token_hash)s
  AND s.created_at > clock_timestamp() - %(longest)s
  AND s.seen_at > clock_timestamp() - %(idle)s

-- name: touch_session
-- The session was used just now.
UPDATE tickstock.web_sessions SET seen_at = clock_timestamp() WHERE token_hash = %(token_hash)s

-- name: end_session
-- Signs out.
DELETE FROM tickstock.web_sessions WHERE token_hash = %(token_hash)s

-- name: add_link
-- A link that signs in once, for a while.
INSERT INTO tickstock.sign_in_links (token_hash, expires_at)
VALUES (%(token_hash)s, clock_timestamp() + %(life)s)

-- name: spend_link
-- Uses a link up; a row says that it was good.
DELETE FROM tickstock.sign_in_links
WHERE token_hash = %(token_hash)s
RETURNING expires_at > clock_timestamp()

-- name: lock_attempts
-- One attempt is counted at a time: of many that come at once each must see the others.
LOCK TABLE tickstock.sign_in_failures IN SHARE ROW EXCLUSIVE MODE

-- name: attempts
-- How many passwords were given of late that did not fit, or are being looked at: for this name from
-- this address, and from this address at all.
SELECT count(*) FILTER (WHERE name = lower(%(name)s)) AS of_name, count(*) AS of_all
FROM tickstock.sign_in_failures
WHERE address = %(address)s AND at > clock_timestamp() - %(window)s

-- name: add_attempt
-- Somebody gives a password; it stays counted unless it fits.
INSERT INTO tickstock.sign_in_failures (name, address) VALUES (lower(%(name)s), %(address)s)
RETURNING at

-- name: take_back_attempt
-- A password that was not looked at counts for nothing.
DELETE FROM tickstock.sign_in_failures
WHERE name = lower(%(name)s) AND address = %(address)s AND at = %(at)s

-- name: forget_attempts
-- A good password clears the name's count from that address.
DELETE FROM tickstock.sign_in_failures WHERE name = lower(%(name)s) AND address = %(address)s

-- name: sweep
-- What has no meaning any more.
WITH links AS (
    DELETE FROM tickstock.sign_in_links WHERE expires_at < clock_timestamp()
), failures AS (
    DELETE FROM tickstock.sign_in_failures WHERE at < clock_timestamp() - %(window)s
)
DELETE FROM tickstock.web_sessions
WHERE created_at < clock_timestamp() - %(longest)s OR seen_at < clock_timestamp() - %(idle)s

-- name: add_audit
-- Who did what to which subject.
INSERT INTO tickstock.audit_log (who, action, subject)
VALUES (%(who)s, %(action)s, %(subject)s)

-- name: audit
-- Entries of one person, with a piece of text in them, between two moments; the latest first.
SELECT at, who, action, subject
FROM tickstock.audit_log
WHERE (%(who)s = '' OR lower(who) = lower(%(who)s))
  AND (%(text)s = '' OR strpos(lower(action || ' ' || subject), lower(%(text)s)) > 0)
  AND at >= coalesce(%(since)s::timestamptz, '-infinity')
  AND at < coalesce(%(until)s::timestamptz, 'infinity')
ORDER BY id DESC
LIMIT %(most)s OFFSET %(skip)s
