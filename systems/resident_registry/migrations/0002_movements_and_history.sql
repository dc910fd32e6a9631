-- The register as it stands, as it stood, and as it was known: 住民基本台帳法 arts. 7, 8, 30-45; 施行令 arts. 11–34.
--
-- Two times. `valid_from` is the day of the event from which the facts hold; `known_from` the instant at which they were entered.
-- The table holds what is believed now and holds from `valid_from` on. Its history holds everything else: versions that were
-- believed until `known_to`, and, with `known_to` null, what is still believed of the days before `valid_from`. Nothing is
-- written twice on entry: a person nobody has touched has no history.
--
-- A civil date whose day is unknown (不詳) has the text to print in `…_unknown`; the date beside it is the earliest possible one.

ALTER TABLE resident_registry.household
    ADD COLUMN household_no   text,           -- 世帯番号
    ADD COLUMN authority_code text,           -- 市区町村コード; a ward's in a designated city; null in records older than this column
    ADD COLUMN town_code      text,           -- 町字コード
    ADD COLUMN town           text NOT NULL DEFAULT '',
    ADD COLUMN lot            text NOT NULL DEFAULT '',   -- 番地号
    ADD COLUMN building       text NOT NULL DEFAULT '',   -- 方書
    ADD COLUMN valid_from     date NOT NULL DEFAULT '0001-01-01',
    ADD COLUMN known_from     timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN movement_id    uuid;           -- the movement that made this version; null when imported

UPDATE resident_registry.household h SET household_no = lpad(n.n::text, 15, '0')
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM resident_registry.household) n WHERE n.id = h.id;
ALTER TABLE resident_registry.household ALTER COLUMN household_no SET NOT NULL,
    ADD CONSTRAINT household_no_once UNIQUE (household_no);
CREATE INDEX household_town ON resident_registry.household (authority_code, town);

ALTER TABLE resident_registry.resident
    DROP CONSTRAINT resident_state_check,
    DROP CONSTRAINT resident_check,
    ADD COLUMN atena_no            text,      -- 宛名番号: fifteen digits, never given twice
    ADD COLUMN kind                text NOT NULL DEFAULT 'japanese' CHECK (kind IN ('japanese', 'foreign')),
    ADD COLUMN born_unknown        text,
    ADD COLUMN sex_text            text,      -- 性別表記, when it is not 男 or 女
    ADD COLUMN roman_name          text,
    ADD COLUMN kanji_name          text,
    ADD COLUMN former_surname      text,      -- 旧氏
    ADD COLUMN former_surname_kana text,
    ADD COLUMN alias               text,      -- 通称
    ADD COLUMN alias_kana          text,
    ADD COLUMN relation_codes      text[] NOT NULL DEFAULT '{}' CHECK (cardinality(relation_codes) <= 4),
    ADD COLUMN position            integer NOT NULL DEFAULT 0,        -- 表示順 in the household
    ADD COLUMN became_resident_unknown text,
    ADD COLUMN became_resident_reason  text,
    ADD COLUMN previous_authority  text,      -- 転入前住所, with previous_address
    ADD COLUMN previous_country    text,
    ADD COLUMN previous_head       text,
    ADD COLUMN before_move_address text,      -- 転居前住所
    ADD COLUMN nationality         text,
    ADD COLUMN residence_status    text,
    ADD COLUMN residence_period    text,
    ADD COLUMN residence_until     date,      -- 在留期間の満了の日
    ADD COLUMN residence_card_no   text,
    ADD COLUMN foreign_class       text,      -- art. 30-45
    ADD COLUMN foreign_since       date,      -- 外国人住民となった年月日
    ADD COLUMN qualifications      jsonb NOT NULL DEFAULT '{}',       -- 個別事項: selection of 選挙, 国保, 後期, 介護, 年金, 児童手当
    ADD COLUMN districts           jsonb NOT NULL DEFAULT '{}',       -- 地区管理コード
    ADD COLUMN removed_unknown     text,
    ADD COLUMN removed_filed_on    date,
    ADD COLUMN removed_reason      text,
    ADD COLUMN removed_place       jsonb,     -- the address as it was when the record was removed
    ADD COLUMN out_planned_on      date,      -- 転出予定
    ADD COLUMN out_planned_to      text,
    ADD COLUMN out_planned_authority text,
    ADD COLUMN out_fixed_on        date,      -- 転出確定, from the 転入通知
    ADD COLUMN out_fixed_to        text,
    ADD COLUMN out_fixed_authority text,
    ADD COLUMN in_notice_on        date,
    ADD COLUMN valid_from          date,
    ADD COLUMN known_from          timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN movement_id         uuid;

UPDATE resident_registry.resident r SET atena_no = lpad(n.n::text, 15, '0'), out_planned_to = r.removed_to,
    valid_from = greatest(r.became_resident_on, r.address_since, r.removed_on),
    removed_place = CASE WHEN r.removed_on IS NOT NULL
        THEN (SELECT jsonb_build_object('postal_code', postal_code, 'address', address)
              FROM resident_registry.household h WHERE h.id = r.household_id) END
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM resident_registry.resident) n WHERE n.id = r.id;
ALTER TABLE resident_registry.resident
    DROP COLUMN removed_to,
    ALTER COLUMN atena_no SET NOT NULL,
    ALTER COLUMN valid_from SET NOT NULL,
    ADD CONSTRAINT atena_no_once UNIQUE (atena_no),
    ADD CONSTRAINT resident_state CHECK (state IN ('current', 'leaving', 'moved_out', 'dead', 'removed', 'ended')),
    ADD CONSTRAINT removed_has_a_day CHECK ((state IN ('current', 'leaving')) = (removed_on IS NULL)),
    ADD CONSTRAINT removed_keeps_its_address CHECK ((removed_on IS NULL) = (removed_place IS NULL));

-- Whoever is leaving is a resident until the day comes: «present» is «not removed».
DROP INDEX resident_registry.resident_code_once;
DROP INDEX resident_registry.one_head;
CREATE UNIQUE INDEX resident_code_once ON resident_registry.resident (resident_code) WHERE removed_on IS NULL;
CREATE UNIQUE INDEX one_head ON resident_registry.resident (household_id) WHERE relation = '世帯主' AND removed_on IS NULL;
CREATE INDEX resident_leaving ON resident_registry.resident (out_planned_on) WHERE state = 'leaving';
CREATE INDEX resident_stay ON resident_registry.resident (residence_until) WHERE removed_on IS NULL AND residence_until IS NOT NULL;
CREATE INDEX resident_removed ON resident_registry.resident (removed_on) WHERE removed_on IS NOT NULL;

CREATE TABLE resident_registry.resident_history (
    id          uuid PRIMARY KEY,
    resident_id uuid NOT NULL REFERENCES resident_registry.resident,
    version     integer NOT NULL,
    valid_from  date NOT NULL,
    valid_to    date CHECK (valid_to > valid_from),     -- first day on which it no longer holds; null: open
    known_from  timestamptz NOT NULL,
    known_to    timestamptz CHECK (known_to > known_from),
    movement_id uuid,
    facts       jsonb NOT NULL                          -- the row without its search keys
);
CREATE INDEX resident_history_of ON resident_registry.resident_history (resident_id, valid_from);

CREATE TABLE resident_registry.household_history (
    id           uuid PRIMARY KEY,
    household_id uuid NOT NULL REFERENCES resident_registry.household,
    version      integer NOT NULL,
    valid_from   date NOT NULL,
    valid_to     date CHECK (valid_to > valid_from),
    known_from   timestamptz NOT NULL,
    known_to     timestamptz CHECK (known_to > known_from),
    movement_id  uuid,
    facts        jsonb NOT NULL
);
CREATE INDEX household_history_of ON resident_registry.household_history (household_id, valid_from);
-- Who ever belonged to a household, for its composition on a day.
CREATE INDEX resident_history_household ON resident_registry.resident_history ((facts ->> 'household_id'));

-- History is closed, never changed: the only update sets the end of what was believed.
CREATE FUNCTION resident_registry.only_close() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.known_to IS NOT NULL OR to_jsonb(OLD) - 'known_to' <> to_jsonb(NEW) - 'known_to' THEN
        RAISE EXCEPTION 'history is not rewritten' USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_close BEFORE UPDATE ON resident_registry.resident_history
    FOR EACH ROW EXECUTE FUNCTION resident_registry.only_close();
CREATE TRIGGER only_close BEFORE UPDATE ON resident_registry.household_history
    FOR EACH ROW EXECUTE FUNCTION resident_registry.only_close();

-- 親子・夫婦: edges between persons of this register, where known.
CREATE TABLE resident_registry.kinship (
    from_id uuid NOT NULL REFERENCES resident_registry.resident,
    to_id   uuid NOT NULL REFERENCES resident_registry.resident,
    kind    text NOT NULL CHECK (kind IN ('parent', 'spouse', 'partner')),   -- from_id is the parent; partner: 未届
    since   date,
    until   date,
    PRIMARY KEY (from_id, to_id, kind),
    CHECK (from_id <> to_id)
);
CREATE INDEX kinship_to ON resident_registry.kinship (to_id);

CREATE TABLE resident_registry.movement (
    id           uuid PRIMARY KEY,
    number       text NOT NULL CONSTRAINT movement_number_once UNIQUE,     -- 異動番号
    reason       text NOT NULL,
    state        text NOT NULL CHECK (state IN ('draft', 'review', 'returned', 'decided', 'completed', 'cancelled')),
    event_on     date NOT NULL,
    filed_on     date NOT NULL,
    processed_on date,                        -- the day it was decided
    is_late      boolean NOT NULL,
    filer        text NOT NULL,               -- self, head, representative, office
    filer_name   text,
    documents    text[] NOT NULL DEFAULT '{}',    -- 本人確認書類
    ground       jsonb,                       -- of the office's own movements: kind (notice, fact_check …), text, day
    household_id uuid REFERENCES resident_registry.household,
    residents    uuid[] NOT NULL,
    details      jsonb NOT NULL DEFAULT '{}', -- what is to change, as entered
    alerts       jsonb NOT NULL DEFAULT '[]', -- alerts told on submission and whether they were confirmed
    entered_by   text NOT NULL,
    entered_at   timestamptz NOT NULL,
    submitted_at timestamptz,
    reviewed_by  text,
    reviewed_at  timestamptz,
    returned_for text,
    decided_by   text,
    decided_at   timestamptz,
    cancels      uuid REFERENCES resident_registry.movement,
    version      integer NOT NULL DEFAULT 1,
    CHECK ((decided_at IS NULL) = (processed_on IS NULL))
);
CREATE INDEX movement_state ON resident_registry.movement (state, entered_at) WHERE state IN ('draft', 'review', 'returned');
CREATE INDEX movement_decided ON resident_registry.movement (processed_on);
CREATE INDEX movement_event ON resident_registry.movement (event_on);
CREATE UNIQUE INDEX movement_cancelled_once ON resident_registry.movement (cancels) WHERE state <> 'cancelled';

-- Whom a decided movement touched, and from which version to which.
CREATE TABLE resident_registry.movement_resident (
    movement_id    uuid NOT NULL REFERENCES resident_registry.movement,
    resident_id    uuid NOT NULL REFERENCES resident_registry.resident,
    version_before integer,                   -- null: entered by it
    version_after  integer NOT NULL,
    PRIMARY KEY (movement_id, resident_id)
);
CREATE INDEX movement_of_resident ON resident_registry.movement_resident (resident_id);

INSERT INTO resident_registry.movement (id, number, reason, state, event_on, filed_on, processed_on, is_late, filer, residents,
    entered_by, entered_at, decided_by, decided_at)
SELECT id, 'before-' || row_number() OVER (ORDER BY processed_on, id), kind, 'completed', event_on, filed_on, processed_on,
    is_late, filer, residents, 'unknown', processed_on, 'unknown', processed_on
FROM resident_registry.notification;
INSERT INTO resident_registry.movement_resident (movement_id, resident_id, version_after)
SELECT n.id, r.id, r.version FROM resident_registry.notification n JOIN resident_registry.resident r ON r.id = ANY (n.residents);
DROP TABLE resident_registry.notification;

-- Drafts of notices to others (届出期間経過通知書, 転入通知, 附票記載事項通知, 転出証明書情報, 本人確認情報 …). Sending is the hub's.
CREATE TABLE resident_registry.notice (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    movement_id uuid REFERENCES resident_registry.movement,
    resident_id uuid REFERENCES resident_registry.resident,
    authority   text,                         -- authority code of the addressee, when it is one
    addressee   text NOT NULL,
    content     jsonb NOT NULL,
    state       text NOT NULL CHECK (state IN ('draft', 'sent', 'acknowledged', 'void')),
    drafted_at  timestamptz NOT NULL,
    sent_at     timestamptz
);
CREATE INDEX notice_open ON resident_registry.notice (drafted_at) WHERE state = 'draft';
CREATE INDEX notice_of_movement ON resident_registry.notice (movement_id);
CREATE INDEX notice_of_resident ON resident_registry.notice (resident_id);

-- Numbers in use are unique; numbers that were changed are kept and never given again (R2).
ALTER TABLE resident_registry.individual_number
    DROP CONSTRAINT individual_number_once,
    ADD COLUMN in_use boolean NOT NULL DEFAULT true;
UPDATE resident_registry.individual_number SET in_use = false
WHERE resident_id IN (SELECT id FROM resident_registry.resident WHERE removed_on IS NOT NULL);
CREATE UNIQUE INDEX individual_number_once ON resident_registry.individual_number (blind_index) WHERE in_use;
CREATE INDEX individual_number_known ON resident_registry.individual_number (blind_index);

CREATE TABLE resident_registry.retired_number (
    id          uuid PRIMARY KEY,
    resident_id uuid NOT NULL REFERENCES resident_registry.resident,
    kind        text NOT NULL CHECK (kind IN ('individual_number', 'resident_code')),
    sealed      bytea NOT NULL,
    blind_index bytea NOT NULL,
    retired_on  date NOT NULL,
    movement_id uuid REFERENCES resident_registry.movement
);
CREATE INDEX retired_number_known ON resident_registry.retired_number (blind_index);
CREATE INDEX retired_number_of ON resident_registry.retired_number (resident_id);

-- Numbers drawn so far: a row, not a sequence, so that replay brings it back and no number is given twice.
CREATE TABLE resident_registry.counter (
    name text PRIMARY KEY,
    last bigint NOT NULL
);

SELECT journal.watch('resident_registry.resident_history'::regclass);
SELECT journal.watch('resident_registry.household_history'::regclass);
SELECT journal.watch('resident_registry.kinship'::regclass);
SELECT journal.watch('resident_registry.movement'::regclass);
SELECT journal.watch('resident_registry.movement_resident'::regclass);
SELECT journal.watch('resident_registry.notice'::regclass);
SELECT journal.watch('resident_registry.retired_number'::regclass);
SELECT journal.watch('resident_registry.counter'::regclass);
