-- Retention and disposal: 住民基本台帳法施行令 art. 34 (除票 150 years, since 2014-06-20; filing papers 1 year).
CREATE TABLE resident_registry.disposal (
    id           uuid PRIMARY KEY,
    record_class text NOT NULL CHECK (record_class IN ('removed_records', 'filing_papers')),
    state        text NOT NULL CHECK (state IN ('proposed', 'approved', 'disposed', 'refused')),
    residents    uuid[] NOT NULL DEFAULT '{}',
    movements    uuid[] NOT NULL DEFAULT '{}',
    ground       text NOT NULL,
    proposed_by  text NOT NULL,
    proposed_at  timestamptz NOT NULL,
    approved_by  text,
    approved_at  timestamptz,
    disposed_by  text,
    disposed_at  timestamptz,
    certificate  jsonb,                       -- what was disposed of, on which ground, by whom: without personal data
    version      integer NOT NULL DEFAULT 1,
    CHECK (approved_by <> proposed_by)
);
CREATE INDEX disposal_open ON resident_registry.disposal (proposed_at) WHERE state IN ('proposed', 'approved');

-- That a record existed and was lawfully disposed of (廃棄済証明): found by a keyed hash of name and birth.
CREATE TABLE resident_registry.disposed_record (
    atena_no    text PRIMARY KEY,             -- kept so that it is never given again
    blind_index bytea NOT NULL,
    removed_on  date NOT NULL,
    disposed_on date NOT NULL,
    disposal_id uuid NOT NULL REFERENCES resident_registry.disposal
);
CREATE INDEX disposed_record_known ON resident_registry.disposed_record (blind_index);

CREATE TABLE resident_registry.legal_hold (
    id          uuid PRIMARY KEY,
    resident_id uuid NOT NULL REFERENCES resident_registry.resident,
    reason      text NOT NULL,
    since       date NOT NULL,
    until       date
);
CREATE INDEX legal_hold_of ON resident_registry.legal_hold (resident_id) WHERE until IS NULL;

ALTER TABLE resident_registry.movement ADD COLUMN papers_disposed_on date;
-- One record of changed items for a resident and movement (R5).
CREATE UNIQUE INDEX notice_of_change_once ON resident_registry.notice (movement_id, resident_id) WHERE kind = 'juki_change';

SELECT journal.watch('resident_registry.disposal'::regclass);
SELECT journal.watch('resident_registry.disposed_record'::regclass);
SELECT journal.watch('resident_registry.legal_hold'::regclass);
