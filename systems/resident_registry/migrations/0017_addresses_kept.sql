-- The address of a protected person is kept wherever it is read: in another household at it (世帯分離, homes, shelters), in the
-- records of those who once lived there, and in what an earlier day says.

-- An address as it is compared: however its lot is written (一丁目2番3号, 1-2-3), without width, spaces and prefecture. The room
-- (方書) is part of it, so that a flat is an address of its own; a home without room numbers is one address.
CREATE FUNCTION resident_registry.place_key(given text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN btrim(regexp_replace(translate(regexp_replace(translate(normalize(given, NFKC), E' \t', ''),
    '^(東京都|北海道|京都府|大阪府|.{2,3}県)', ''), '〇一二三四五六七八九', '0123456789'), '(丁目|番地|番|号|[の‐‑‒–—−ー-])+', '-', 'g'), '-');
CREATE INDEX household_place ON resident_registry.household (resident_registry.place_key(address));
CREATE INDEX resident_removed_at ON resident_registry.resident (resident_registry.place_key(removed_place ->> 'address'))
    WHERE removed_place IS NOT NULL;

-- Where the opponent of a case lives, once a person decided who that is.
CREATE VIEW resident_registry.opponent_household WITH (security_invoker = true) AS
SELECT o.case_id, x.household_id FROM resident_registry.support_opponent o
JOIN resident_registry.resident x ON x.id = o.resident_id AND x.removed_on IS NULL;

-- Households whose address is kept: a case in force names somebody who is present, and its opponent does not live with them.
CREATE VIEW resident_registry.protected_household WITH (security_invoker = true) AS
SELECT m.household_id, p.case_id, m.id AS resident_id FROM resident_registry.support_protected p
JOIN resident_registry.support_case c ON c.id = p.case_id AND c.state IN ('applied', 'confirmed', 'active', 'extended')
JOIN resident_registry.resident m ON m.id = p.resident_id AND m.removed_on IS NULL
WHERE NOT EXISTS (SELECT FROM resident_registry.opponent_household o
                  WHERE o.case_id = c.id AND o.household_id = m.household_id);

-- Who is protected now: whoever a case names until it is ended on purpose; everybody of a household whose address is kept, and
-- everybody else whose address it is, or was when they were removed, but for the opponent's household; and whoever left for where
-- one left for whom a case names: from the same household for the same municipality (their notices may name no more), from any
-- for the same lot. Not the opponent, nor whoever left for where they did.
CREATE OR REPLACE VIEW resident_registry.protected WITH (security_invoker = true) AS
SELECT p.resident_id, p.case_id FROM resident_registry.support_protected p
JOIN resident_registry.support_case c ON c.id = p.case_id WHERE c.state IN ('applied', 'confirmed', 'active', 'extended')
UNION ALL
SELECT r.id, k.case_id FROM resident_registry.resident r
JOIN resident_registry.protected_household k ON k.household_id = r.household_id AND k.resident_id <> r.id
UNION ALL
SELECT r.id, k.case_id FROM resident_registry.resident r
JOIN resident_registry.household h ON h.id = r.household_id
JOIN resident_registry.household beside
    ON resident_registry.place_key(beside.address) = resident_registry.place_key(h.address) AND beside.id <> h.id
JOIN resident_registry.protected_household k ON k.household_id = beside.id
WHERE r.removed_place IS NULL
    AND NOT EXISTS (SELECT FROM resident_registry.opponent_household o
                    WHERE o.case_id = k.case_id AND o.household_id = r.household_id)
UNION ALL
SELECT r.id, k.case_id FROM resident_registry.resident r
JOIN resident_registry.household beside
    ON resident_registry.place_key(beside.address) = resident_registry.place_key(r.removed_place ->> 'address')
JOIN resident_registry.protected_household k ON k.household_id = beside.id
WHERE r.removed_place IS NOT NULL
    AND NOT EXISTS (SELECT FROM resident_registry.opponent_household o
                    WHERE o.case_id = k.case_id AND o.household_id = r.household_id)
UNION ALL
SELECT r.id, p.case_id FROM resident_registry.resident r
JOIN resident_registry.resident m ON m.id <> r.id AND m.state IN ('leaving', 'moved_out')
    AND (m.household_id = r.household_id AND (m.removed_on = r.removed_on  -- who left together went to one place
            OR resident_registry.towns_left_for(m.out_planned_to, m.out_fixed_to)
                && resident_registry.towns_left_for(r.out_planned_to, r.out_fixed_to))
        OR resident_registry.lots_left_for(m.out_planned_to, m.out_fixed_to)
            && resident_registry.lots_left_for(r.out_planned_to, r.out_fixed_to))
JOIN resident_registry.support_protected p ON p.resident_id = m.id
JOIN resident_registry.support_case c ON c.id = p.case_id
WHERE c.state IN ('applied', 'confirmed', 'active', 'extended') AND r.state IN ('leaving', 'moved_out')
    AND NOT EXISTS (SELECT FROM resident_registry.support_opponent o JOIN resident_registry.resident x ON x.id = o.resident_id
                    WHERE o.case_id = c.id AND (x.id = r.id OR resident_registry.lots_left_for(x.out_planned_to, x.out_fixed_to)
                        && resident_registry.lots_left_for(r.out_planned_to, r.out_fixed_to)));

-- The addresses that are kept, and the lots that protected people left for: what nobody's record tells of where they lived before.
CREATE VIEW resident_registry.protected_place WITH (security_invoker = true) AS
SELECT resident_registry.place_key(h.address) AS key FROM resident_registry.household h
JOIN resident_registry.protected_household k ON k.household_id = h.id
UNION ALL
SELECT resident_registry.place_key(left_for) FROM resident_registry.support_protected p
JOIN resident_registry.support_case c ON c.id = p.case_id AND c.state IN ('applied', 'confirmed', 'active', 'extended')
JOIN resident_registry.resident m ON m.id = p.resident_id AND m.state IN ('leaving', 'moved_out')
CROSS JOIN unnest(ARRAY[m.out_planned_to, m.out_fixed_to]) AS left_for
WHERE resident_registry.lots_left_for(left_for, NULL) IS NOT NULL;

-- Whether a text is one of them: by the indexes, for one record at a time.
CREATE FUNCTION resident_registry.is_protected_address(given text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT EXISTS (SELECT FROM resident_registry.household h JOIN resident_registry.protected_household k ON k.household_id = h.id
                   WHERE resident_registry.place_key(h.address) = resident_registry.place_key(given))
        OR resident_registry.leads_to_protected('{}', given)
$$;

-- The texts of a form, a notice or a printed page that may be addresses; of a line of history («異動前の住所: …　変更前の氏名: …»)
-- each of its parts.
CREATE FUNCTION resident_registry.places_said(document jsonb) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT DISTINCT said FROM jsonb_path_query(document, 'strict $.**') v
    CROSS JOIN regexp_split_to_table(v #>> '{}', '(^|　)[^　:]+: ') said
    WHERE jsonb_typeof(v) = 'string' AND said ~ '[^ -~]' AND said ~ '[0-9０-９〇一二三四五六七八九十]'
$$;
CREATE FUNCTION resident_registry.tells_protected(document jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT EXISTS (SELECT FROM resident_registry.places_said(document) said WHERE resident_registry.is_protected_address(said))
$$;
-- Nothing is read by them that the asking role may not read.
GRANT EXECUTE ON FUNCTION resident_registry.place_key(text), resident_registry.is_protected_address(text),
    resident_registry.places_said(jsonb), resident_registry.tells_protected(jsonb) TO PUBLIC;
