-- 転出証明書 (住民基本台帳法施行令 arts. 23, 24): a certificate of its own kind, found again by the departure it was issued for.
ALTER TABLE resident_registry.certificate
    DROP CONSTRAINT certificate_kind_check,
    ADD CONSTRAINT certificate_kind_check CHECK (kind IN ('copy', 'removed_copy', 'items', 'disposed', 'move_out'));
CREATE INDEX certificate_of_departure ON resident_registry.certificate ((asked ->> 'movement_id')) WHERE kind = 'move_out';
