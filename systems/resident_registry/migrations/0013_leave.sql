-- 転出証明書 (住民基本台帳法施行令 arts. 23, 24): a certificate of its own kind, found again by the departure it was issued for.
ALTER TABLE resident_registry.certificate
    DROP CONSTRAINT certificate_kind_check,
    ADD CONSTRAINT certificate_kind_check CHECK (kind IN ('copy', 'removed_copy', 'items', 'disposed', 'move_out'));
CREATE INDEX certificate_of_departure ON resident_registry.certificate ((asked ->> 'movement_id')) WHERE kind = 'move_out';
-- What a disposal looks for: papers and filings about a record (0034).
CREATE INDEX certificate_about ON resident_registry.certificate USING gin (residents);
CREATE INDEX movement_about ON resident_registry.movement USING gin (residents);
