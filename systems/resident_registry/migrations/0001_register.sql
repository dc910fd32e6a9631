-- 住民基本台帳法 art. 7 (items of the record), art. 12 (certificates). Ids are UUIDs, the same nowhere else.
CREATE SCHEMA resident_registry;

CREATE TABLE resident_registry.household (
    id              uuid PRIMARY KEY,
    postal_code     text NOT NULL,
    address         text NOT NULL,
    address_bigrams text[] NOT NULL,
    version         integer NOT NULL DEFAULT 1
);

CREATE TABLE resident_registry.resident (
    id                   uuid PRIMARY KEY,
    household_id         uuid NOT NULL REFERENCES resident_registry.household,
    state                text NOT NULL CHECK (state IN ('current', 'moved_out', 'dead')),
    name                 text NOT NULL,
    kana                 text NOT NULL,
    name_bigrams         text[] NOT NULL,
    kana_key             text COLLATE "C" NOT NULL,
    sex                  text NOT NULL CHECK (sex IN ('male', 'female')),
    born_on              date NOT NULL,
    relation             text NOT NULL,
    became_resident_on   date NOT NULL,
    address_since        date,
    filed_on             date NOT NULL,
    previous_address     text,
    registered_domicile  text,
    family_register_head text,
    resident_code        text NOT NULL,
    removed_on           date,
    removed_to           text,
    version              integer NOT NULL DEFAULT 1,
    CHECK ((state = 'current') = (removed_on IS NULL))
);
CREATE UNIQUE INDEX resident_code_once ON resident_registry.resident (resident_code) WHERE state = 'current';
CREATE UNIQUE INDEX one_head ON resident_registry.resident (household_id) WHERE relation = '世帯主' AND state = 'current';
CREATE INDEX resident_household ON resident_registry.resident (household_id);
CREATE INDEX resident_name ON resident_registry.resident USING gin (name_bigrams);
CREATE INDEX resident_kana ON resident_registry.resident (kana_key);
CREATE INDEX resident_born ON resident_registry.resident (born_on);
CREATE INDEX household_address ON resident_registry.household USING gin (address_bigrams);

-- Encrypted under the tenant's data key; found by a keyed hash.
CREATE TABLE resident_registry.individual_number (
    resident_id uuid PRIMARY KEY REFERENCES resident_registry.resident,
    sealed      bytea NOT NULL,
    blind_index bytea NOT NULL CONSTRAINT individual_number_once UNIQUE
);

CREATE TABLE resident_registry.notification (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('move_in', 'move_out', 'move_within', 'birth', 'death')),
    event_on     date NOT NULL,
    filed_on     date NOT NULL,
    processed_on date NOT NULL,
    is_late      boolean NOT NULL,
    filer        text NOT NULL,
    residents    uuid[] NOT NULL
);

CREATE TABLE resident_registry.disclosure_restriction (
    id            uuid PRIMARY KEY,
    resident_id   uuid NOT NULL REFERENCES resident_registry.resident,
    opponent_name text NOT NULL,
    starts_on     date NOT NULL,
    ends_on       date NOT NULL CHECK (ends_on > starts_on)
);
CREATE INDEX restriction_resident ON resident_registry.disclosure_restriction (resident_id);

CREATE TABLE resident_registry.certificate (
    serial     text PRIMARY KEY,
    form       text NOT NULL,
    requester  text NOT NULL,
    residents  uuid[] NOT NULL,
    content    jsonb NOT NULL,
    copies     integer NOT NULL,
    fee_yen    integer NOT NULL,
    issued_on  date NOT NULL,
    pdf_sha256 text NOT NULL
);

SELECT journal.watch('resident_registry.household'::regclass);
SELECT journal.watch('resident_registry.resident'::regclass);
SELECT journal.watch('resident_registry.individual_number'::regclass);
SELECT journal.watch('resident_registry.notification'::regclass);
SELECT journal.watch('resident_registry.disclosure_restriction'::regclass);
SELECT journal.watch('resident_registry.certificate'::regclass);
