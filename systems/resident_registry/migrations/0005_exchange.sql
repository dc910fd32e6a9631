-- Residents come in by file and go out by file. What is unlogged here is scratch: neither journaled nor backed up nor compared
-- (docs/decisions/0038-scratch-is-unlogged.md).

-- One file on its way into the register.
CREATE TABLE resident_registry.import_job (
    id          uuid PRIMARY KEY,
    state       text NOT NULL CHECK (state IN
        ('uploaded', 'checked', 'chosen', 'loading', 'loaded', 'based', 'refused', 'withdrawn')),
    file_sha256 text NOT NULL,
    size        bigint NOT NULL,
    encoding    text,
    check_id    uuid,                         -- the check whose rows count; what other checks left is swept away
    rows        integer,
    rows_valid  integer,
    faults      integer,
    refused_for text,
    choice      text CHECK (choice IN ('all', 'valid')),
    uploaded_by text NOT NULL,
    uploaded_at timestamptz NOT NULL,
    chosen_by   text,
    chosen_at   timestamptz,
    rows_loaded integer,
    loaded_at   timestamptz,
    based_at    timestamptz,
    CHECK ((state IN ('loaded', 'based')) = (loaded_at IS NOT NULL)),
    CHECK ((state = 'based') = (based_at IS NOT NULL))
);
CREATE UNIQUE INDEX import_one_at_a_time ON resident_registry.import_job ((true))
    WHERE state IN ('uploaded', 'checked', 'chosen', 'loading', 'loaded');
CREATE INDEX import_job_file ON resident_registry.import_job (file_sha256);

-- 外字: what a private-use character of the former system stands for, decided by an operator.
CREATE TABLE resident_registry.identified_character (
    code_point    text PRIMARY KEY,
    character     text NOT NULL,
    identified_by text NOT NULL,
    identified_at timestamptz NOT NULL
);

-- A pack of everything in open formats: asked for by one, released by another.
CREATE TABLE resident_registry.export_job (
    id             uuid PRIMARY KEY,
    state          text NOT NULL CHECK (state IN ('requested', 'released', 'made', 'refused', 'swept')),
    ground         text NOT NULL,
    encoding       text NOT NULL CHECK (encoding IN ('utf-8-sig', 'cp932')),
    with_numbers   boolean NOT NULL,
    with_protected boolean NOT NULL DEFAULT false,
    requested_by   text NOT NULL,
    requested_at   timestamptz NOT NULL,
    decided_by     text,
    decided_at     timestamptz,
    manifest       jsonb,
    pack_sha256    text,
    made_at        timestamptz,
    CHECK (decided_by <> requested_by)
);

-- The file as it was uploaded, in pieces, each sealed with the tenant's data key; gone when the import is based or withdrawn.
CREATE UNLOGGED TABLE resident_registry.import_piece (
    job_id uuid NOT NULL,
    number integer NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (job_id, number)
);
ALTER TABLE resident_registry.import_piece ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Checked rows, ready to be loaded.
CREATE UNLOGGED TABLE resident_registry.import_row (
    LIKE resident_registry.resident,
    check_id        uuid NOT NULL,
    row_no          integer NOT NULL,
    household_no    text NOT NULL,
    place_hash      bigint NOT NULL,
    is_head         boolean NOT NULL,
    postal_code     text,                     -- of heads and removed records only
    authority_code  text,
    town_code       text,
    address         text,
    town            text,
    lot             text,
    building        text,
    address_bigrams text[],
    address_key     text,
    household_from  date,
    sealed          bytea,
    blind_index     bytea,
    case_id         uuid,                     -- of the measure that comes along
    opponent_name   text,
    protected_from  date,
    protected_until date
);
ALTER TABLE resident_registry.import_row
    ALTER COLUMN known_from DROP NOT NULL, ALTER COLUMN version DROP NOT NULL, ALTER COLUMN relation_codes DROP NOT NULL,
    ALTER COLUMN qualifications DROP NOT NULL, ALTER COLUMN districts DROP NOT NULL;

CREATE UNLOGGED TABLE resident_registry.import_fault (
    check_id     uuid NOT NULL,
    row_no       integer NOT NULL,
    "column"     text,
    rule         text NOT NULL,
    household_no text                         -- of a row that is not among the checked ones
);

CREATE UNLOGGED TABLE resident_registry.import_character (
    check_id   uuid NOT NULL,
    code_point text NOT NULL,
    row_no     integer NOT NULL,
    "column"   text NOT NULL
);

-- The pack, sealed in pieces, until it is swept.
CREATE UNLOGGED TABLE resident_registry.export_piece (
    job_id uuid NOT NULL,
    number integer NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (job_id, number)
);
ALTER TABLE resident_registry.export_piece ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Load the rows of a check, all or none; number of residents. For the role of bulk imports alone: its rows are not journaled one
-- by one, so the caller writes the one entry in the same transaction. Into an empty register, indexes and rules are laid down,
-- and raised again over the whole: several times faster. It holds the tables meanwhile; an empty register has no readers to lose.
CREATE FUNCTION resident_registry.load_import(the_check uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    laid_down text[] := '{}';
    drops     text[] := '{}';
    one       text;
    columns   text;
    loaded    bigint;
BEGIN
    IF session_user NOT LIKE '%\_bulk' THEN
        RAISE EXCEPTION 'role % may not load an import', session_user USING ERRCODE = '42501';
    END IF;
    PERFORM set_config('maintenance_work_mem', '256MB', true);
    IF NOT EXISTS (SELECT FROM resident_registry.resident) AND NOT EXISTS (SELECT FROM resident_registry.household) THEN
        SELECT coalesce(array_agg(format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname,
                   pg_get_constraintdef(c.oid)) ORDER BY c.contype DESC, c.conname), '{}'),
               coalesce(array_agg(format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname)), '{}')
        INTO laid_down, drops
        FROM pg_constraint c
        WHERE c.contype IN ('f', 'u') AND c.conrelid IN ('resident_registry.household'::regclass,
            'resident_registry.resident'::regclass, 'resident_registry.individual_number'::regclass)
            AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND c.contype = 'u' AND f.conindid = c.conindid);
        SELECT coalesce(array_agg(pg_get_indexdef(i.indexrelid) ORDER BY i.indexrelid), '{}') || laid_down,
               drops || coalesce(array_agg(format('DROP INDEX %s', i.indexrelid::regclass)), '{}')
        INTO laid_down, drops
        FROM pg_index i
        WHERE i.indrelid IN ('resident_registry.household'::regclass, 'resident_registry.resident'::regclass,
                'resident_registry.individual_number'::regclass)
            AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid);
        FOREACH one IN ARRAY drops LOOP
            EXECUTE one;
        END LOOP;
    END IF;

    INSERT INTO resident_registry.household (id, household_no, postal_code, authority_code, town_code, address, town, lot, building,
        address_bigrams, address_key, valid_from)
    SELECT household_id, household_no, postal_code, authority_code, town_code, address, town, lot, building, address_bigrams,
        address_key, household_from
    FROM resident_registry.import_row WHERE check_id = the_check AND is_head;
    INSERT INTO resident_registry.household (id, household_no, postal_code, authority_code, town_code, address, town, lot, building,
        address_bigrams, address_key, valid_from)
    SELECT DISTINCT ON (r.household_id) r.household_id, r.household_no, r.postal_code, r.authority_code, r.town_code, r.address,
        r.town, r.lot, r.building, r.address_bigrams, r.address_key, r.household_from
    FROM resident_registry.import_row r
    WHERE r.check_id = the_check AND r.removed_on IS NOT NULL AND NOT EXISTS (SELECT FROM resident_registry.import_row h
        WHERE h.check_id = the_check AND h.is_head AND h.household_id = r.household_id)
    ORDER BY r.household_id, r.removed_on DESC, r.row_no;

    -- what `import_row` has of a resident; the rest keeps its default
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
    FROM pg_attribute a JOIN pg_attribute b ON b.attrelid = 'resident_registry.import_row'::regclass AND b.attname = a.attname
    WHERE a.attrelid = 'resident_registry.resident'::regclass AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname NOT IN ('known_from', 'movement_id', 'version', 'qualifications', 'districts');
    EXECUTE format('INSERT INTO resident_registry.resident (%s) SELECT %s FROM resident_registry.import_row WHERE check_id = $1',
        columns, columns) USING the_check;
    GET DIAGNOSTICS loaded = ROW_COUNT;
    INSERT INTO resident_registry.individual_number (resident_id, sealed, blind_index, in_use)
    SELECT id, sealed, blind_index, removed_on IS NULL FROM resident_registry.import_row
    WHERE check_id = the_check AND sealed IS NOT NULL;
    -- a measure in force that comes along; of its kind nothing is known
    INSERT INTO resident_registry.support_case (id, kind, state, applicant_name, protected_address, scope, applied_on, starts_on,
        ends_on, origin, entered_by, decided_by)
    SELECT r.case_id, NULL, 'active', r.name, coalesce(r.removed_place ->> 'address', h.address),
        '{residence,removed,domicile_history,browsing}', r.protected_from, r.protected_from, r.protected_until, 'before',
        'import', 'import'
    FROM resident_registry.import_row r JOIN resident_registry.household h ON h.id = r.household_id
    WHERE r.check_id = the_check AND r.opponent_name IS NOT NULL;
    INSERT INTO resident_registry.support_protected (case_id, resident_id, role)
    SELECT case_id, id, 'applicant' FROM resident_registry.import_row WHERE check_id = the_check AND opponent_name IS NOT NULL;
    INSERT INTO resident_registry.support_opponent (case_id, name)
    SELECT case_id, opponent_name FROM resident_registry.import_row WHERE check_id = the_check AND opponent_name IS NOT NULL;

    FOREACH one IN ARRAY laid_down LOOP
        EXECUTE one;
    END LOOP;
    RETURN loaded;
END $$;
REVOKE ALL ON FUNCTION resident_registry.load_import(uuid) FROM PUBLIC;

SELECT journal.watch('resident_registry.import_job'::regclass);
SELECT journal.watch('resident_registry.identified_character'::regclass);
SELECT journal.watch('resident_registry.export_job'::regclass);
