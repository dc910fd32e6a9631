-- A reading's beginning and a day of birth are one search: both are looked for in the index, so that the thousands who share the
-- reading are not fetched for the one who was born on the day. The order serves readings alone as before.
DROP INDEX resident_registry.resident_kana;
DROP INDEX resident_registry.resident_other_kana;
CREATE INDEX resident_kana ON resident_registry.resident (kana_key, born_on);
CREATE INDEX resident_other_kana ON resident_registry.resident (other_kana_key, born_on) WHERE other_kana_key IS NOT NULL;
