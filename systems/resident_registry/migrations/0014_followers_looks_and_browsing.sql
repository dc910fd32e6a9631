-- Whoever left for the place that a protected person left for is protected too, on whatever day: their 転出先 tells the address.

-- An address elsewhere without width, spaces and prefecture.
CREATE FUNCTION resident_registry.plain_address(given text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT regexp_replace(regexp_replace(normalize(given, NFKC), '\s', '', 'g'), '^(東京都|北海道|京都府|大阪府|.{2,3}県)', '')
$$;
-- The same addresses however their lots are written (一丁目2番3号, 1-2-3). None of one that names no lot («仙台市青葉区»): that is
-- where many go.
CREATE FUNCTION resident_registry.lots_left_for(planned text, fixed text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT array_agg(btrim(regexp_replace(translate(plain, '〇一二三四五六七八九', '0123456789'),
        '(丁目|番地|番|号|[の‐‑‒–—−ー-])+', '-', 'g'), '-'))
    FROM (SELECT resident_registry.plain_address(given) AS plain FROM unnest(ARRAY[planned, fixed]) AS given) p
    WHERE plain ~ '[0-9]|[〇一二三四五六七八九十]+(番地|号)'
$$;
-- The municipalities, in a designated city the city; the whole text where it names none.
CREATE FUNCTION resident_registry.towns_left_for(planned text, fixed text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT array_agg(coalesce(substring(plain FROM '^.[^市区町村]*[市区町村]'), plain))
    FROM (SELECT regexp_replace(resident_registry.plain_address(given), '^[^市区町村郡]{1,4}郡(?=[^市]{1,6}[町村])', '') AS plain
          FROM unnest(ARRAY[planned, fixed]) AS given WHERE given IS NOT NULL) p
$$;
-- Whole at every moment: each look at who is protected may ask it, and departures are few.
CREATE INDEX resident_left_for ON resident_registry.resident
    USING gin (resident_registry.lots_left_for(out_planned_to, out_fixed_to)) WITH (fastupdate = off)
    WHERE state IN ('leaving', 'moved_out');

-- Who is protected now: whoever a case names until it is ended on purpose; everybody who has the address of a present one, unless
-- the opponent lives there too; and whoever left for where one left for whom a case names: from the same household for the same
-- municipality (their notices may name no more), from any for the same lot. Not the opponent, nor whoever left for where they did.
CREATE OR REPLACE VIEW resident_registry.protected WITH (security_invoker = true) AS
SELECT p.resident_id, p.case_id FROM resident_registry.support_protected p
JOIN resident_registry.support_case c ON c.id = p.case_id WHERE c.state IN ('applied', 'confirmed', 'active', 'extended')
UNION ALL
SELECT r.id, p.case_id FROM resident_registry.resident r
JOIN resident_registry.resident m ON m.household_id = r.household_id AND m.id <> r.id AND m.removed_on IS NULL
JOIN resident_registry.support_protected p ON p.resident_id = m.id
JOIN resident_registry.support_case c ON c.id = p.case_id WHERE c.state IN ('applied', 'confirmed', 'active', 'extended')
    AND NOT EXISTS (SELECT FROM resident_registry.support_opponent o JOIN resident_registry.resident x ON x.id = o.resident_id
                    WHERE o.case_id = c.id AND x.household_id = m.household_id AND x.removed_on IS NULL)
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

-- Whether a form that nobody has decided yet would lead one of the residents to where a protected person left for.
CREATE FUNCTION resident_registry.leads_to_protected(people uuid[], destination text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT EXISTS (SELECT FROM resident_registry.resident m
        JOIN resident_registry.support_protected p ON p.resident_id = m.id
        JOIN resident_registry.support_case c ON c.id = p.case_id
        WHERE c.state IN ('applied', 'confirmed', 'active', 'extended') AND m.state IN ('leaving', 'moved_out')
            AND ((m.household_id IN (SELECT household_id FROM resident_registry.resident WHERE id = ANY (people))
                    AND resident_registry.towns_left_for(m.out_planned_to, m.out_fixed_to)
                        && resident_registry.towns_left_for(destination, NULL))
                OR resident_registry.lots_left_for(m.out_planned_to, m.out_fixed_to)
                    && resident_registry.lots_left_for(destination, NULL)))
$$;
-- Nothing is read by them that the asking role may not read: whoever asks who is protected, the backup's role too, needs them.
GRANT EXECUTE ON FUNCTION resident_registry.plain_address(text), resident_registry.lots_left_for(text, text),
    resident_registry.towns_left_for(text, text), resident_registry.leads_to_protected(uuid[], text) TO PUBLIC;

-- ── The audit ──
-- Looks of each account on each day, and how many of them were at residents whom a case named on that day or who are protected now,
-- at individual numbers, and out of the hours. Counts alone leave it: the counter's role reads no journal.
CREATE FUNCTION resident_registry.looks(first timestamptz, after timestamptz, opens time, closes time)
RETURNS TABLE (actor text, day date, looks bigint, protected bigint, late bigint, numbers bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH hidden AS (
        SELECT resident_id::text AS resident, range_agg(days) AS days FROM (
            SELECT p.resident_id, daterange(c.applied_on, c.closed_on, '[]') AS days
            FROM resident_registry.support_protected p JOIN resident_registry.support_case c ON c.id = p.case_id
            UNION ALL SELECT resident_id, daterange(NULL, NULL) FROM resident_registry.protected) d
        GROUP BY 1),
    look AS (
        SELECT e.actor, e.at AT TIME ZONE 'Asia/Tokyo' AS at, e.key ->> 'id' AS resident,
            e."table" = 'resident_registry.individual_number' AS is_number
        FROM journal.entry e WHERE e.at >= first AND e.at < after AND e.kind = 'access'
            AND e."table" IN ('resident_registry.resident', 'resident_registry.individual_number'))
    SELECT l.actor, l.at::date, count(*), count(*) FILTER (WHERE h.days @> l.at::date),
        count(*) FILTER (WHERE l.at::time < opens OR l.at::time >= closes), count(*) FILTER (WHERE l.is_number)
    FROM look l LEFT JOIN hidden h USING (resident) GROUP BY 1, 2
$$;

-- ── Browsing (住民基本台帳法 arts. 11, 11-2) ──
CREATE TABLE resident_registry.browsing_application (
    id             uuid PRIMARY KEY,
    number         text NOT NULL CONSTRAINT browsing_number_once UNIQUE,
    state          text NOT NULL CHECK (state IN ('applied', 'approved', 'refused')),
    kind           text NOT NULL CHECK (kind IN ('public_body', 'applicant')),
    applicant      text NOT NULL,
    represented_by text,
    purpose        text NOT NULL,
    towns          text[] NOT NULL CHECK (cardinality(towns) > 0),
    applied_on     date NOT NULL,
    entered_by     text NOT NULL,
    decided_by     text CONSTRAINT browsing_by_another CHECK (decided_by <> entered_by),
    decided_on     date,
    ground         text,
    browsed_on     date,
    browsed        integer,
    CHECK ((state = 'applied') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_on IS NULL)),
    CHECK (browsed_on IS NULL OR state = 'approved')
);
CREATE INDEX browsing_day ON resident_registry.browsing_application (browsed_on) WHERE browsed_on IS NOT NULL;
SELECT journal.watch('resident_registry.browsing_application'::regclass);
