-- A removed record is found by its 住民票コード too; the index that keeps it unique holds present ones alone.
CREATE INDEX resident_code_known ON resident_registry.resident (resident_code);
