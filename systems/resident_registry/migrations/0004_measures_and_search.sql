-- Protective measures (住民基本台帳事務処理要領 第6-10), other suppressions, and keys for searching.

-- ── Measures ──
CREATE TABLE resident_registry.support_case (
    id                uuid PRIMARY KEY,
    kind              text CHECK (kind IN ('A', 'B', 'C', 'D')),
    state             text NOT NULL CHECK (state IN ('applied', 'confirmed', 'active', 'extended', 'ended', 'rejected')),
    applicant_name    text NOT NULL,
    protected_address text NOT NULL,         -- the measure is for this address; another address is another application
    scope             text[] NOT NULL CHECK (scope <@ '{residence,removed,domicile_history,browsing}' AND cardinality(scope) > 0),
    applied_on        date NOT NULL,
    consultation_body text,
    consulted_on      date,
    opinion           text,
    starts_on         date,
    ends_on           date CHECK (ends_on > starts_on),
    closed_on         date,
    closed_for        text,
    origin            text NOT NULL CHECK (origin IN ('application', 'forwarded', 'before')),
    entered_by        text NOT NULL,
    decided_by        text CHECK (decided_by <> entered_by OR origin = 'before'),
    version           integer NOT NULL DEFAULT 1,
    CHECK (kind IS NOT NULL OR origin = 'before'),
    CHECK ((state IN ('active', 'extended', 'ended')) = (ends_on IS NOT NULL) AND (starts_on IS NULL) = (ends_on IS NULL)),
    CHECK ((state IN ('ended', 'rejected')) = (closed_on IS NOT NULL))
);
CREATE INDEX support_case_ends ON resident_registry.support_case (ends_on) WHERE state IN ('active', 'extended');

-- 併せて支援を求める者 beside the applicant.
CREATE TABLE resident_registry.support_protected (
    case_id     uuid NOT NULL REFERENCES resident_registry.support_case,
    resident_id uuid NOT NULL REFERENCES resident_registry.resident,
    role        text NOT NULL CHECK (role IN ('applicant', 'together')),
    PRIMARY KEY (case_id, resident_id)
);
CREATE INDEX support_protected_resident ON resident_registry.support_protected (resident_id);

-- Apart from the case: read by those who decide about it, never by lists, feeds or other offices.
CREATE TABLE resident_registry.support_opponent (
    case_id     uuid PRIMARY KEY REFERENCES resident_registry.support_case,
    name        text NOT NULL,
    born_on     date,
    address     text,
    resident_id uuid REFERENCES resident_registry.resident,   -- once a person decided that it is that resident
    decided_by  text,
    CHECK ((resident_id IS NULL) = (decided_by IS NULL))
);

-- A lift is a row with an end, never a flag: whatever crashes or is forgotten, it is over in a quarter of an hour.
CREATE TABLE resident_registry.measure_lift (
    id             uuid PRIMARY KEY,
    residents      uuid[] NOT NULL CHECK (cardinality(residents) > 0),
    requester      text NOT NULL,
    requester_name text NOT NULL,
    ground         text NOT NULL CHECK (ground <> ''),
    not_opponent   boolean NOT NULL,
    for_actor      text NOT NULL,
    approved_by    text NOT NULL CONSTRAINT lift_by_another CHECK (approved_by <> for_actor),
    opened_at      timestamptz NOT NULL,
    closes_at      timestamptz NOT NULL CONSTRAINT lift_closes_itself CHECK (closes_at <= opened_at + interval '15 minutes'),
    used_at        timestamptz
);
CREATE INDEX lift_open ON resident_registry.measure_lift (for_actor, closes_at) WHERE used_at IS NULL;

CREATE TABLE resident_registry.suppression (
    id          uuid PRIMARY KEY,
    resident_id uuid NOT NULL REFERENCES resident_registry.resident,
    kind        text NOT NULL CHECK (kind IN ('no_issue', 'guardianship', 'movement_hold', 'litigation')),
    acts        text[] NOT NULL CHECK (acts <@ '{certificate,movement}' AND cardinality(acts) > 0),
    message     text NOT NULL,
    override    text NOT NULL CHECK (override IN ('none', 'supervisor', 'clerk')),
    starts_on   date NOT NULL,
    ends_on     date CHECK (ends_on > starts_on),
    entered_by  text NOT NULL,
    ended_by    text
);
CREATE INDEX suppression_resident ON resident_registry.suppression (resident_id) WHERE ended_by IS NULL;

-- One row for each authority that holds a record from which the address can be read; the hub carries it and acknowledges.
CREATE TABLE resident_registry.support_forwarding (
    id              uuid PRIMARY KEY,
    case_id         uuid NOT NULL REFERENCES resident_registry.support_case,
    case_version    integer NOT NULL,
    what            text NOT NULL CHECK (what IN ('decided', 'extended', 'ended')),
    to_authority    text,
    addressee       text NOT NULL,
    holds           text NOT NULL CHECK (holds IN ('removed_record', 'domicile_history')),
    created_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    acknowledged_at timestamptz,
    UNIQUE (case_id, case_version, addressee, holds)
);
CREATE INDEX forwarding_open ON resident_registry.support_forwarding (created_at) WHERE acknowledged_at IS NULL;

INSERT INTO resident_registry.support_case (id, kind, state, applicant_name, protected_address, scope, applied_on, starts_on,
    ends_on, origin, entered_by, decided_by)
SELECT d.id, NULL, 'active', r.name, coalesce(r.removed_place ->> 'address', h.address),
    '{residence,removed,domicile_history,browsing}', d.starts_on, d.starts_on, d.ends_on, 'before', 'unknown', 'unknown'
FROM resident_registry.disclosure_restriction d JOIN resident_registry.resident r ON r.id = d.resident_id
JOIN resident_registry.household h ON h.id = r.household_id;
INSERT INTO resident_registry.support_protected (case_id, resident_id, role)
SELECT id, resident_id, 'applicant' FROM resident_registry.disclosure_restriction;
INSERT INTO resident_registry.support_opponent (case_id, name)
SELECT id, opponent_name FROM resident_registry.disclosure_restriction;
DROP TABLE resident_registry.disclosure_restriction;

-- Who is protected now: whoever a case names until it is ended on purpose, and everybody who has the address of a present
-- one, unless the opponent lives there too. The one place that says so; every way out asks it.
CREATE VIEW resident_registry.protected WITH (security_invoker = true) AS
SELECT p.resident_id, p.case_id FROM resident_registry.support_protected p
JOIN resident_registry.support_case c ON c.id = p.case_id WHERE c.state IN ('applied', 'confirmed', 'active', 'extended')
UNION ALL
SELECT r.id, p.case_id FROM resident_registry.resident r
JOIN resident_registry.resident m ON m.household_id = r.household_id AND m.id <> r.id
    AND (m.removed_on IS NULL OR (r.removed_on = m.removed_on AND r.state = 'moved_out'))  -- who left together went to one place
JOIN resident_registry.support_protected p ON p.resident_id = m.id
JOIN resident_registry.support_case c ON c.id = p.case_id WHERE c.state IN ('applied', 'confirmed', 'active', 'extended')
    AND NOT EXISTS (SELECT FROM resident_registry.support_opponent o JOIN resident_registry.resident x ON x.id = o.resident_id
                    WHERE o.case_id = c.id AND x.household_id = m.household_id AND x.removed_on IS NULL);

-- ── Restored copies ──
-- A copy is another database than the one that a row names: there, nothing is issued before the measures were confirmed.
CREATE TABLE resident_registry.copy_confirmed (
    copy         text PRIMARY KEY,
    confirmed_by text NOT NULL,
    confirmed_at timestamptz NOT NULL
);
CREATE FUNCTION resident_registry.this_copy() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
$$;
INSERT INTO resident_registry.copy_confirmed VALUES (resident_registry.this_copy(), 'founded here', now());

-- Rows of the measures that are not what the journal last said of them, and whether the register is newer than the journal.
CREATE FUNCTION resident_registry.measures_astray() RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    name text;
    found bigint;
    astray bigint := 0;
BEGIN
    FOREACH name IN ARRAY '{support_case,support_protected,support_opponent,suppression}'::text[] LOOP
        EXECUTE format('WITH told AS (SELECT DISTINCT ON (e.key) e.key, e.row, e.op FROM journal.entry e
                WHERE e.kind = ''change'' AND e."table" = %L ORDER BY e.key, e.id DESC)
            SELECT count(*) FROM told t WHERE t.op <> ''D'' AND NOT EXISTS
                (SELECT FROM resident_registry.%I a WHERE to_jsonb(a) @> t.key AND to_jsonb(a) = t.row)',
            'resident_registry.' || name, name) INTO found;
        astray := astray + found;
    END LOOP;
    IF (SELECT max(known_from) FROM resident_registry.resident) > (SELECT max(at) FROM journal.entry) THEN
        astray := astray + 1;
    END IF;
    RETURN astray;
END $$;

-- ── Search ──
-- What keys leave out: variation selectors (FE00-FE0F, E0100-E01EF), joiners, spaces, the dot between foreign names.
CREATE FUNCTION resident_registry.dropped() RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT (SELECT string_agg(chr(n), '' ORDER BY n) FROM (
            SELECT generate_series(65024, 65039) AS n UNION ALL SELECT generate_series(917760, 917999)) AS selectors)
        || U&'\200B\200C\200D\2060\FEFF \3000\00A0\0009\000D\000A\00AD・'
$$;
-- The same as kit.civic.names.fold, with which rows are written: here it only makes the keys of rows that are there already.
CREATE FUNCTION resident_registry.fold(given text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT replace(replace(replace(replace(replace(regexp_replace(translate(normalize(
        translate(given, resident_registry.dropped(), ''), NFKC),
        U&'亞惡壓圍醫爲壹隱榮營衞驛圓鹽緣艷應歐毆櫻奧橫溫穩假價畫會繪壞懷槪擴殼覺學斈嶽樂渴罐卷陷勸寬關歡觀氣旣歸龜僞戲犧舊據擧虛峽挾狹鄕鄉曉區驅駈勳薰徑莖惠揭溪谿經螢輕繼鷄雞藝擊缺硏縣儉劍劔劒險圈檢獻權顯驗嚴廣'
        '效恆黃鑛號國圀囯黑碎濟劑雜參棧蠶慘贊殘絲齒兒辭濕實寫釋壽收從澁澀獸縱肅處緖敍敘將稱涉燒證奬條狀乘淨剩疊繩壤孃讓釀觸囑眞寢愼盡圖粹醉穗隨髓樞數瀨聲靜竊攝專淺戰踐錢潛纖禪雙壯爭莊搜插巢曾瘦裝總騷增藏臟卽屬'
        '續墮對體躰帶滯臺瀧擇澤擔單膽團斷彈遲癡蟲晝鑄廳徵聽敕鎭遞鐵鉃銕點轉傳燈當黨盜稻鬭鬪德獨讀屆貳惱腦霸拜廢賣麥發髮拔晚蠻祕濱濵甁拂佛倂竝餠變辨瓣辯步寶寳豐襃飜每萬滿麵麪默彌譯藥與豫餘譽搖樣謠來賴亂覽龍兩獵'
        '綠淚壘禮勵戾靈齡曆歷戀鍊爐勞郞樓錄灣亙凛堯巖巗晄檜槇禰禱祿穰萠遙薗嶋嶌盃冨峯埜凉瑤內吳娛悅閱銳脫稅說產顏彥敎靑淸尙姊戶兔俱剝塡頰𠮟吞噓嚙囊繫簞蟬蠟醬鷗鹼麴俠屛幷搔焰萊蔣軀蠣攪灌諫頸鯵礪蕊儘藪籠壺邇靱蘆'
        '䕃枡栅楳沒巺迁飮眾乕斎齊齋斋齐亝邊邉边﨑嵜㟢髙𠮷栁桺桒圡⻆舩枩柗舘淵渊烟穐龝秌熈煕尓貓珎畧畄畆皋槗𣘺冱㐂囙姬冝皨晉曻夲邨棃哥廚𦚰曵栢鐮湻ぁあぃいぅうぇえぉおかがきぎくぐけげこごさざしじすずせぜそぞただ'
        'ちぢっつづてでとどなにぬねのはばぱひびぴふぶぷへべぺほぼぽまみむめもゃやゅゆょよらりるれろゎわゐゑをんゔゕゖABCDEFGHIJKLMNOPQRSTUVWXYZァィゥェォッャュョヮヵヶヲヰヱヂヅ‐‑‒'
        '–—−' || resident_registry.dropped(),
        U&'亜悪圧囲医為壱隠栄営衛駅円塩縁艶応欧殴桜奥横温穏仮価画会絵壊懐概拡殻覚学学岳楽渇缶巻陥勧寛関歓観気既帰亀偽戯犠旧拠挙虚峡挟狭郷郷暁区駆駆勲薫径茎恵掲渓渓経蛍軽継鶏鶏芸撃欠研県倹剣剣剣険圏検献権顕験厳広'
        '効恒黄鉱号国国国黒砕済剤雑参桟蚕惨賛残糸歯児辞湿実写釈寿収従渋渋獣縦粛処緒叙叙将称渉焼証奨条状乗浄剰畳縄壌嬢譲醸触嘱真寝慎尽図粋酔穂随髄枢数瀬声静窃摂専浅戦践銭潜繊禅双壮争荘捜挿巣曽痩装総騒増蔵臓即属'
        '続堕対体体帯滞台滝択沢担単胆団断弾遅痴虫昼鋳庁徴聴勅鎮逓鉄鉄鉄点転伝灯当党盗稲闘闘徳独読届弐悩脳覇拝廃売麦発髪抜晩蛮秘浜浜瓶払仏併並餅変弁弁弁歩宝宝豊褒翻毎万満麺麺黙弥訳薬与予余誉揺様謡来頼乱覧竜両猟'
        '緑涙塁礼励戻霊齢暦歴恋錬炉労郎楼録湾亘凜尭巌巌晃桧槙祢祷禄穣萌遥園島島杯富峰野涼瑶内呉娯悦閲鋭脱税説産顔彦教青清尚姉戸兎倶剥填頬叱呑嘘噛嚢繋箪蝉蝋醤鴎鹸麹侠屏并掻焔莱蒋躯蛎撹潅諌頚鰺砺蘂侭薮篭壷迩靭芦'
        '蔭桝柵梅没巽遷飲衆虎斉斉斉斉斉斉辺辺辺崎崎崎高吉柳柳桑土角船松松館渕渕煙秋秋秋熙熙爾猫珍略留畝皐橋橋冴喜因姫宜星晋昇本村梨歌厨脇曳柏鎌淳アアイイウウエエオオカガキギクグケゲコゴサザシジスズセゼソゾタダ'
        'チジツツズテデトドナニヌネノハバパヒビピフブプヘベペホボポマミムメモヤヤユユヨヨラリルレロワワイエオンヴカケabcdefghijklmnopqrstuvwxyzアイウエオツヤユヨワカケオイエジズ---'
        '---'), '(.)[々〻]', '\1\1', 'g'), 'ヴア', 'バ'), 'ヴイ', 'ビ'), 'ヴエ', 'ベ'), 'ヴオ', 'ボ'), 'ヴ', 'ブ')
$$;
CREATE FUNCTION resident_registry.bigrams(folded text) RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(array_agg(pair ORDER BY place), '{}') FROM (
        SELECT pair, min(place) AS place FROM (
            SELECT substr(word, n, 2) AS pair, number * 1000 + n AS place
            FROM string_to_table(folded, ' ') WITH ORDINALITY AS w(word, number),
                generate_series(1, greatest(length(word) - 1, 1)) AS n WHERE word <> '') pairs GROUP BY pair) once
$$;

-- name_key: the folds of every name a person has (name, kanji, former surname, alias, Latin), with spaces between them.
ALTER TABLE resident_registry.resident ADD COLUMN name_key text, ADD COLUMN other_kana_key text COLLATE "C";
ALTER TABLE resident_registry.household ADD COLUMN address_key text;
UPDATE resident_registry.resident SET kana_key = resident_registry.fold(kana),
    other_kana_key = resident_registry.fold(coalesce(alias_kana, former_surname_kana)),
    name_key = array_to_string(ARRAY[resident_registry.fold(name), nullif(resident_registry.fold(kanji_name), ''),
        nullif(resident_registry.fold(former_surname), ''), nullif(resident_registry.fold(alias), ''),
        nullif(resident_registry.fold(roman_name), '')], ' ');
UPDATE resident_registry.resident SET name_bigrams = resident_registry.bigrams(name_key);
UPDATE resident_registry.household SET address_key = resident_registry.fold(address);
UPDATE resident_registry.household SET address_bigrams = resident_registry.bigrams(address_key);
ALTER TABLE resident_registry.resident ALTER COLUMN name_key SET NOT NULL;
ALTER TABLE resident_registry.household ALTER COLUMN address_key SET NOT NULL;
CREATE INDEX resident_other_kana ON resident_registry.resident (other_kana_key) WHERE other_kana_key IS NOT NULL;

SELECT journal.watch('resident_registry.support_case'::regclass);
SELECT journal.watch('resident_registry.support_protected'::regclass);
SELECT journal.watch('resident_registry.support_opponent'::regclass);
SELECT journal.watch('resident_registry.measure_lift'::regclass);
SELECT journal.watch('resident_registry.suppression'::regclass);
SELECT journal.watch('resident_registry.support_forwarding'::regclass);
SELECT journal.watch('resident_registry.copy_confirmed'::regclass);

