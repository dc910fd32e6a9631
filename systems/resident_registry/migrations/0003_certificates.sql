-- Certificates: what was asked and by whom (住民基本台帳法 arts. 12 to 12-4, 15-4), how it left, and what the public may check.
ALTER TABLE resident_registry.certificate
    ADD COLUMN kind      text NOT NULL DEFAULT 'copy' CHECK (kind IN ('copy', 'removed_copy', 'items', 'disposed')),
    ADD COLUMN asked     jsonb NOT NULL DEFAULT '{}',   -- 請求者, 請求の理由, 本人確認書類, 記載の選択
    ADD COLUMN delivery  text NOT NULL DEFAULT 'counter' CHECK (delivery IN ('counter', 'deliver_by_mail_to_person')),
    ADD COLUMN issued_by text NOT NULL DEFAULT 'unknown',
    ADD COLUMN issued_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX certificate_day ON resident_registry.certificate (issued_on);

-- Serials count on from those that were given: per year, without gaps, one at a time until the transaction ends.
INSERT INTO resident_registry.counter
SELECT 'certificate/' || split_part(serial, '-', 2), max(split_part(serial, '-', 3)::bigint)
FROM resident_registry.certificate GROUP BY 1;

-- 本人通知制度: who wants to be told that a representative or a third party was given a certificate.
CREATE TABLE resident_registry.third_party_notice_registration (
    id            uuid PRIMARY KEY,
    resident_id   uuid NOT NULL REFERENCES resident_registry.resident,
    registered_on date NOT NULL,
    ends_on       date CHECK (ends_on > registered_on),   -- first day on which it no longer counts; null: without limit
    ended_on      date CHECK (ended_on >= registered_on)  -- withdrawn by the person
);
CREATE INDEX third_party_notice_of ON resident_registry.third_party_notice_registration (resident_id);

-- The board that hangs outside: all that the public's process may read. A schema of its own, so that its role needs no right
-- in this one. The code itself is not there, only its hash; nothing here leads to a person.
CREATE SCHEMA certificate_check;
CREATE TABLE certificate_check.issued (
    code_sha256 bytea PRIMARY KEY,
    kind        text NOT NULL,
    issued_on   date NOT NULL,
    pdf_sha256  text NOT NULL
);

SELECT journal.watch('resident_registry.third_party_notice_registration'::regclass);
SELECT journal.watch('certificate_check.issued'::regclass);
