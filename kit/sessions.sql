-- Who is signed in at a browser. Run by the database's owner; safe to run again.
CREATE SCHEMA IF NOT EXISTS session;

CREATE TABLE IF NOT EXISTS session.browser (
    id             text PRIMARY KEY,      -- SHA-256 of the cookie, so that a reader of the table cannot sign in
    subject        text NOT NULL,
    name           text NOT NULL,
    roles          text[] NOT NULL,
    client         text NOT NULL,
    purpose        text,
    sealed         bytea NOT NULL,        -- tokens and kept input, under a key that only the cookie holds
    started_at     timestamptz NOT NULL,
    seen_at        timestamptz NOT NULL,
    verified_until timestamptz NOT NULL
);
SELECT journal.watch('session.browser'::regclass);
