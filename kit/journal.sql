-- The journal of one tenant's database. Run by the database's owner; safe to run again.
CREATE SCHEMA IF NOT EXISTS journal;

CREATE TABLE IF NOT EXISTS journal.entry (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind     text NOT NULL CHECK (kind IN ('change', 'access', 'refusal', 'event', 'import')),
    "table"  text,
    op       "char" CHECK (op IN ('I', 'U', 'D')),
    key      jsonb,
    row      jsonb,
    actor    text NOT NULL,
    purpose  text,
    request  text,
    detail   jsonb
);

-- Of a span of time: entries come in its order, so that it costs next to nothing.
CREATE INDEX IF NOT EXISTS entry_at ON journal.entry USING brin (at);

CREATE TABLE IF NOT EXISTS journal.segment (
    number    bigint PRIMARY KEY,
    snapshot  pg_snapshot NOT NULL,
    entries   bigint NOT NULL,
    first_id  bigint,
    last_id   bigint,
    sha256    text NOT NULL,
    previous  text NOT NULL,
    signature text NOT NULL,
    sealed_at timestamptz NOT NULL
);

-- One entry as the line that is hashed: jsonb's own key order, instants in UTC.
CREATE OR REPLACE FUNCTION journal.line(e journal.entry) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog SET "TimeZone" = 'UTC' AS $$
    SELECT jsonb_build_object('id', e.id, 'xid', e.xid::text, 'at', e.at, 'kind', e.kind, 'table', e."table",
        'op', e.op, 'key', e.key, 'row', e.row, 'actor', e.actor, 'purpose', e.purpose, 'request', e.request,
        'detail', e.detail)::text
$$;

CREATE OR REPLACE FUNCTION journal.actor() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(nullif(current_setting('mcloud.actor', true), ''), 'role ' || session_user)
$$;

-- Writes every row change. A bulk import is one entry of its own, so the bulk role's rows are not captured here.
CREATE OR REPLACE FUNCTION journal.capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    now_row jsonb;
    now_key jsonb := '{}';
    part text;
BEGIN
    IF session_user LIKE '%\_bulk' THEN
        RETURN NULL;
    END IF;
    now_row := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    FOREACH part IN ARRAY TG_ARGV LOOP
        now_key := now_key || jsonb_build_object(part, now_row -> part);
        IF TG_OP = 'UPDATE' AND to_jsonb(OLD) -> part IS DISTINCT FROM now_row -> part THEN
            RAISE EXCEPTION 'the key of %.% never changes', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = '23514';
        END IF;
    END LOOP;
    INSERT INTO journal.entry (kind, "table", op, key, row, actor, purpose, request)
    VALUES ('change', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, left(TG_OP, 1)::"char", now_key,
        CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE now_row END, journal.actor(),
        nullif(current_setting('mcloud.purpose', true), ''), nullif(current_setting('mcloud.request', true), ''));
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION journal.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused: the journal could not tell what was lost', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = '42501';
END $$;

-- Reads, refusals, events and imports: written by name, never by hand.
CREATE OR REPLACE FUNCTION journal.record(kind text, about text, key jsonb, detail jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    number bigint;
BEGIN
    IF kind NOT IN ('access', 'refusal', 'event', 'import') OR (kind = 'import') <> (session_user LIKE '%\_bulk') THEN
        RAISE EXCEPTION 'role % may not record %', session_user, kind USING ERRCODE = '42501';
    END IF;
    INSERT INTO journal.entry (kind, "table", key, detail, actor, purpose, request)
    VALUES (kind, about, key, detail, journal.actor(), nullif(current_setting('mcloud.purpose', true), ''),
        nullif(current_setting('mcloud.request', true), ''))
    RETURNING id INTO number;
    RETURN number;
END $$;

-- Attach both triggers to a table; called by each migration that makes one.
CREATE OR REPLACE FUNCTION journal.watch(watched regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    parts text;
BEGIN
    SELECT string_agg(quote_literal(a.attname), ', ' ORDER BY a.attnum) INTO parts
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = watched AND i.indisprimary;
    IF parts IS NULL THEN
        RAISE EXCEPTION '% has no primary key', watched;
    END IF;
    EXECUTE format('CREATE OR REPLACE TRIGGER journal_capture AFTER INSERT OR UPDATE OR DELETE ON %s '
        'FOR EACH ROW EXECUTE FUNCTION journal.capture(%s)', watched, parts);
    EXECUTE format('CREATE OR REPLACE TRIGGER journal_truncate BEFORE TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse()', watched);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER journal_capture, ENABLE ALWAYS TRIGGER journal_truncate', watched);
END $$;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal.entry
    FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal.segment
    FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse();
ALTER TABLE journal.entry ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE journal.segment ENABLE ALWAYS TRIGGER append_only;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA journal FROM PUBLIC;

-- What the tools of kit keep per database.
CREATE SCHEMA IF NOT EXISTS idempotency;
CREATE TABLE IF NOT EXISTS idempotency.answer (
    actor text NOT NULL, key text NOT NULL, fingerprint text NOT NULL, answer jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (actor, key));
SELECT journal.watch('idempotency.answer'::regclass);
