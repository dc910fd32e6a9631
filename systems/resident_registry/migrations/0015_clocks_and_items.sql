-- Every class of records has its clock (0034): a disposal says how many records it is about, and up to which day of the clock.
ALTER TABLE resident_registry.disposal
    DROP CONSTRAINT disposal_record_class_check,
    ADD CONSTRAINT disposal_record_class_check CHECK (record_class IN ('removed_records', 'filing_papers', 'certificate_papers',
        'notices', 'support_cases', 'notice_registrations', 'exchange_jobs')),
    ADD COLUMN records integer NOT NULL DEFAULT 0,
    ADD COLUMN until date;
UPDATE resident_registry.disposal SET records =
    coalesce(nullif(cardinality(residents), 0), nullif(cardinality(movements), 0), (certificate ->> 'records')::integer, 0);
-- What a disposal of papers looks for: certificates that still say something, without those that were emptied.
CREATE INDEX certificate_papers ON resident_registry.certificate (issued_on) WHERE residents <> '{}' OR asked <> '{}';

-- 個別事項 and 地区 come in by file too. What was checked before this, or by older code, has none.
ALTER TABLE resident_registry.import_row ALTER COLUMN qualifications SET DEFAULT '{}', ALTER COLUMN districts SET DEFAULT '{}';
UPDATE resident_registry.import_row SET qualifications = '{}', districts = '{}';
-- The function of the load as it is, but that it no longer leaves these two columns out.
DO $$
DECLARE
    old text := pg_get_functiondef('resident_registry.load_import(uuid)'::regprocedure);
    new text := replace(old, ', ''qualifications'', ''districts'')', ')');
BEGIN
    IF new = old THEN
        RAISE EXCEPTION 'resident_registry.load_import is not the function that is to be changed';
    END IF;
    EXECUTE new;
END $$;
