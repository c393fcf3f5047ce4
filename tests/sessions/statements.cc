#include "statements.h"

#include <vector>

namespace aurora_global::sessions {
namespace {

using Templates = std::vector<std::string_view>;

// By Kind.
const std::array<Templates, kKinds> kTemplates = {{
    {
        // read
        "SELECT id, n, s FROM t ORDER BY id",
        "SELECT count(*) FROM u",
        "SELECT * FROM vw WHERE id < {id} ORDER BY 1",
        "SELECT s FROM t WHERE id = {id}",
        "SELECT twice({id})",
        "SELECT total()",
        "SELECT note({text})",
        "SELECT lowered({text})",
        "SELECT by_owner()",
        "SELECT current_user, session_user, current_schemas(false)",
        "SELECT current_setting('app.tenant', true), current_setting('app.memory', true)",
        "SELECT current_setting('app.{digit}', true)",
        "SELECT body, tenant FROM docs ORDER BY id",
        "SELECT generate_series(1, {id})",
        "SELECT {text} AS {name}",
        "SELECT at, m FROM u ORDER BY id LIMIT 2",
        "SELECT 1.5::float8 / 3, 12.5::money",
        "SELECT '\\x01ff'::bytea, 'a\\b', E'a\\'b'",
        "SELECT timestamptz '2024-05-06 07:08:09+00', date '2024-02-01', interval '1 day 2 hours'",
        "SELECT '01/02/2024'::date",
        "SELECT timestamp '2024-07-01 12:00' AT TIME ZONE current_setting('TimeZone')",
        "SELECT now() = transaction_timestamp(), now() <= clock_timestamp()",
        "VALUES (1, {text}), (2, NULL)",
        "SELECT * FROM other.t ORDER BY id",
        "SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements ORDER BY 1",
        "SELECT name, statement, is_holdable, is_scrollable FROM pg_cursors ORDER BY 1",
        "SELECT * FROM pg_listening_channels() ORDER BY 1",
        "SHOW {setting}",
        "SELECT current_setting('{setting}'), current_setting('{setting}')",
        R"(SELECT name, setting, source FROM pg_settings WHERE name IN ('{setting}', '{setting}',
          'search_path', 'work_mem') ORDER BY 1)",
        "SELECT x FROM t x WHERE id = {id}",
        "SELECT NULL::app.mood, 'ok'::app.mood",
        "SELECT FROM t",
        "SELECT * FROM t WHERE s = {text}",
        "EXPLAIN (COSTS OFF) SELECT * FROM t WHERE id = {id}",
        "SELECT v FROM hidden.h",
        "SELECT relname FROM pg_class WHERE relname LIKE 'x%' ORDER BY 1",
        "SELECT",
        "",
        ";",
        "-- {text}",
        "SELECT array_agg(s ORDER BY id) FROM t",
        "SELECT count(*) FROM x1",
        "SELECT repeat({text}, 2000)",
        "SHOW transaction_read_only",
        "SHOW transaction_isolation",
    },
    {
        // write
        "INSERT INTO t VALUES ({new}, {id}, {text})",
        "INSERT INTO t VALUES ({new}, {id}, {text}) RETURNING *",
        R"(INSERT INTO t VALUES ({id}, 1, 'c') ON CONFLICT (id) DO UPDATE SET n = t.n + 1
          RETURNING n)",
        "UPDATE t SET n = n + 1 WHERE id = {id} RETURNING n",
        "UPDATE t SET s = {text}",
        "DELETE FROM t WHERE id = {id}",
        "INSERT INTO u(v, m) VALUES ({text}, 'ok') RETURNING id, v, m",
        "INSERT INTO u(v) VALUES (NULL), ({text}) RETURNING v",
        "SELECT nextval('app.sq')",
        "SELECT setval('app.sq', {new})",
        "INSERT INTO child VALUES ({new}, {id})",
        "SELECT add({new}, {text})",
        "SELECT guarded({id})",
        "CALL both({new})",
        "DO $$ BEGIN INSERT INTO app.t VALUES ({new}, 0, 'do'); END $$",
        "TRUNCATE other.t",
        "SELECT * FROM t WHERE id = {id} FOR UPDATE",
        "WITH x AS (INSERT INTO t VALUES ({new}, 3, 'with') RETURNING id) SELECT * FROM x",
        R"(MERGE INTO t USING (VALUES ({id}, 7)) AS w(id, n) ON t.id = w.id
          WHEN MATCHED THEN UPDATE SET n = w.n WHEN NOT MATCHED THEN INSERT VALUES (w.id, w.n, 'm'))",
        "INSERT INTO docs VALUES ({new}, current_setting('app.tenant'), {text}) RETURNING *",
        "LOCK TABLE t IN SHARE MODE",
        "INSERT INTO hidden.h VALUES ({new}, {text})",
        "UPDATE other.t SET n = {id} WHERE id = 1",
        "INSERT INTO x1 SELECT {id}",
        "INSERT INTO t SELECT {new} + g, g, {text} FROM generate_series(1, 3) g RETURNING id",
        "SELECT id FROM t ORDER BY id FOR SHARE",
    },
    {
        // failing
        "SELECT 1 / ({id} - {id})",
        "SELECT * FROM nosuch",
        "SELEC 1",
        "SELECT {name}",
        "INSERT INTO t VALUES (1, 1, 'again')",
        "INSERT INTO t VALUES ({new}, NULL, NULL)",
        "SELECT 'x'::int",
        "INSERT INTO child VALUES ({new}, 99)",
        "SELECT current_setting('app.nosuch')",
        "DROP TABLE nosuch",
        "SELECT 'unterminated",
        "DO $$ BEGIN RAISE EXCEPTION 'raised' USING HINT = {text}, ERRCODE = 'P1234'; END $$",
        "EXECUTE nosuch",
        "FETCH 1 FROM nosuch",
    },
    {
        // transaction
        "BEGIN",
        "BEGIN",
        "BEGIN ISOLATION LEVEL REPEATABLE READ",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "START TRANSACTION READ ONLY",
        "START TRANSACTION READ WRITE",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
        "COMMIT",
        "COMMIT",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ROLLBACK",
        "ABORT",
        "COMMIT AND CHAIN",
        "ROLLBACK AND CHAIN",
        "SAVEPOINT {point}",
        "SAVEPOINT {point}",
        "RELEASE {point}",
        "ROLLBACK TO {point}",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET TRANSACTION READ ONLY",
        "SET LOCAL transaction_read_only = off",
        "SET CONSTRAINTS ALL IMMEDIATE",
    },
    {
        // setting
        "SET {timeless} = {setting_value}",
        "SET {assignment}",
        "SET {assignment}",
        "SET {assignment}",
        "SET LOCAL {assignment}",
        "SET SESSION {assignment}",
        "RESET {setting}",
        "RESET ALL",
        "SELECT set_config('{timeless}', '{plain}', {bool})",
        "SET app.tenant = {text}",
        "SET app.tenant = 'red'",
        "SET LOCAL app.tenant = {text}",
        "RESET app.tenant",
        "SET app.{digit} = {text}",
        "SELECT set_config('app.{digit}', {text}, {bool})",
        "RESET app.{digit}",
        "SELECT remember({text})",
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ {only}",
        "SET search_path = {path}",
        "SET LOCAL search_path = {path}",
        "SET TIME ZONE {zone}",
        "SET TIME ZONE INTERVAL '-03:30' HOUR TO MINUTE",
        "DISCARD ALL",
        "DISCARD PLANS",
        "DISCARD SEQUENCES",
        "SET transaction_read_only = on",
        R"(DO $$ BEGIN EXECUTE format('ALTER ROLE tester IN DATABASE %I SET work_mem = ''5MB''',
          current_database()); END $$)",
    },
    {
        // role
        "SET ROLE app_a",
        "SET ROLE app_b",
        "SET ROLE NONE",
        "SET ROLE nosuch",
        "RESET ROLE",
        "SET LOCAL ROLE app_a",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SET SESSION AUTHORIZATION tester",
        "SET SESSION AUTHORIZATION app_a",
        "RESET SESSION AUTHORIZATION",
    },
    {
        // prepare
        "PREPARE {statement} AS SELECT id, n FROM t WHERE id < {id} ORDER BY 1",
        "PREPARE {statement}(int) AS SELECT s FROM t WHERE id = $1",
        "PREPARE {statement}(int, text) AS INSERT INTO t VALUES ($1, 0, $2) RETURNING *",
        "PREPARE {statement}(int) AS UPDATE t SET n = $1 WHERE id = $1 RETURNING n",
        "PREPARE {statement}(text) AS SELECT 'q5' || $1, '01/02/2024'::date",
        "PREPARE {statement} AS SELECT {text}, 'a\\b', current_user",
        "PREPARE {statement} AS SELECT * FROM other.t ORDER BY id",
        "PREPARE {statement} AS SELECT * FROM x1",
        "EXECUTE {statement}",
        "EXECUTE {statement}({id})",
        "EXECUTE {statement}({id})",
        "EXECUTE {statement}({new}, {text})",
        "EXECUTE {statement}({text})",
        "DEALLOCATE {statement}",
        "DEALLOCATE ALL",
        "EXPLAIN (COSTS OFF) EXECUTE {statement}({id})",
        "CREATE TABLE x{digit} AS EXECUTE {statement}",
    },
    {
        // cursor
        "DECLARE {cursor} CURSOR FOR SELECT id, s FROM t ORDER BY id",
        "DECLARE {cursor} SCROLL CURSOR FOR SELECT generate_series(1, 20)",
        "DECLARE {cursor} CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY id",
        "DECLARE {cursor} CURSOR FOR SELECT * FROM t ORDER BY id FOR UPDATE",
        "DECLARE {cursor} BINARY CURSOR FOR SELECT id FROM t ORDER BY id",
        "FETCH 1 FROM {cursor}",
        "FETCH 2 FROM {cursor}",
        "FETCH ALL FROM {cursor}",
        "FETCH BACKWARD 1 FROM {cursor}",
        "FETCH ABSOLUTE 3 FROM {cursor}",
        "MOVE 2 FROM {cursor}",
        "CLOSE {cursor}",
        "CLOSE ALL",
        "UPDATE t SET n = 0 WHERE CURRENT OF {cursor}",
    },
    {
        // notify
        "LISTEN {channel}",
        "LISTEN {channel}",
        "UNLISTEN {channel}",
        "UNLISTEN *",
        "NOTIFY {channel}",
        "NOTIFY {channel}, {text}",
        "SELECT pg_notify('{channel}', {text})",
    },
    {
        // lock
        "SELECT pg_advisory_lock({id})",
        "SELECT pg_try_advisory_lock({id})",
        "SELECT pg_advisory_unlock({id})",
        "SELECT pg_advisory_unlock_all()",
        "SELECT pg_advisory_xact_lock({id})",
        "SELECT pg_try_advisory_lock_shared({id})",
        "SELECT pg_advisory_unlock_shared({id})",
    },
    {
        // temporary
        "CREATE TEMP TABLE tmp(a int, b text)",
        "CREATE TEMP TABLE tmp ON COMMIT DROP AS SELECT {id} AS a",
        "CREATE TEMP TABLE t(id int, n int, s text)",
        "INSERT INTO tmp VALUES ({id}, {text})",
        "SELECT * FROM tmp ORDER BY 1",
        "DROP TABLE tmp",
        "DISCARD TEMP",
        "CREATE TEMP VIEW tv AS SELECT {id} AS a",
        "SELECT * FROM tv",
    },
    {
        // ddl
        "CREATE TABLE x1(a int)",
        "CREATE TABLE x{digit}(a int, b text)",
        "DROP TABLE x{digit}",
        "DROP TABLE IF EXISTS x1",
        "ALTER TABLE t ADD COLUMN c{digit} int DEFAULT {id}",
        "ALTER TABLE t DROP COLUMN IF EXISTS c{digit}",
        "ALTER TABLE t ALTER COLUMN n TYPE bigint",
        "CREATE INDEX ON t(n)",
        "CREATE OR REPLACE VIEW xv AS SELECT id FROM t",
        R"(CREATE OR REPLACE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql
          AS 'SELECT $1 * {digit}')",
        "CREATE SCHEMA xs",
        "DROP SCHEMA xs",
        "SELECT id INTO x3 FROM t",
        "ALTER TABLE docs DISABLE ROW LEVEL SECURITY",
        "COMMENT ON TABLE t IS {text}",
        "GRANT SELECT ON t TO app_b",
        "REVOKE ALL ON t FROM app_a",
        "ALTER TYPE app.mood ADD VALUE IF NOT EXISTS 'x{digit}'",
        "ANALYZE t",
        "CREATE SEQUENCE x4",
    },
    {
        // encoding
        "SET client_encoding = '{encoding}'",
        "SET NAMES '{encoding}'",
        "SELECT set_config('client_encoding', '{encoding}', {bool})",
        "SET LOCAL client_encoding = '{encoding}'",
        "RESET client_encoding",
        "SHOW client_encoding",
        "SELECT {text}, convert_to({text}, 'UTF8')",
        "SELECT body, convert_to(body, 'UTF8'), convert_to(tenant, 'UTF8') FROM docs ORDER BY id",
        "SET app.tenant = {text}",
        "SELECT convert_to(current_setting('app.tenant'), 'UTF8')",
        "PREPARE {statement} AS SELECT {text} AS {name}",
        "EXECUTE {statement}",
    },
}};

struct SettingRow {
  std::string_view name;
  std::vector<std::string_view> values;
};

// Those that change what a session answers, and some of each context and unit.
const std::vector<SettingRow> kSettings = {
    {"work_mem", {"'7MB'", "8192", "'1kB'"}},
    {"DateStyle", {"'ISO, MDY'", "'German'", "'SQL, DMY'", "'Postgres, YMD'"}},
    {"IntervalStyle", {"iso_8601", "sql_standard", "postgres_verbose"}},
    {"TimeZone", {"'Asia/Kathmandu'", "'America/Los_Angeles'", "'UTC'", "'-3'"}},
    {"extra_float_digits", {"0", "3", "-5"}},
    {"bytea_output", {"escape", "hex"}},
    {"standard_conforming_strings", {"off", "on"}},
    {"backslash_quote", {"on", "off", "safe_encoding"}},
    {"escape_string_warning", {"off", "on"}},
    {"client_min_messages", {"warning", "notice", "error"}},
    {"application_name", {"'one'", "'two words'"}},
    {"default_transaction_isolation", {"serializable", "'repeatable read'", "'read committed'"}},
    {"default_transaction_read_only", {"on", "off"}},
    {"default_transaction_deferrable", {"on", "off"}},
    {"statement_timeout", {"'30s'", "0", "60000"}},
    {"lock_timeout", {"'20s'", "0"}},
    {"idle_in_transaction_session_timeout", {"'50s'", "0"}},
    {"idle_session_timeout", {"'55s'", "0"}},
    {"enable_seqscan", {"off", "on"}},
    {"plan_cache_mode", {"force_generic_plan", "force_custom_plan", "auto"}},
    {"row_security", {"off", "on"}},
    {"check_function_bodies", {"off", "on"}},
    {"synchronous_commit", {"off", "local", "on"}},
    {"transform_null_equals", {"on", "off"}},
    {"array_nulls", {"off", "on"}},
    {"quote_all_identifiers", {"on", "off"}},
    {"default_table_access_method", {"heap"}},
    {"xmloption", {"document", "content"}},
    {"lc_monetary", {"'C'"}},
    {"max_parallel_workers_per_gather", {"0", "1"}},
    {"cursor_tuple_fraction", {"0.5"}},
    {"geqo_seed", {"0.25"}},
    {"session_replication_role", {"replica"}},  // Denied, unless somebody grants it.
    {"nosuch_setting", {"1"}},
    {"max_connections", {"5"}},
};

constexpr std::array<std::string_view, 9> kTexts = {"'plain'",
                                                    "'two words'",
                                                    "'Z\xc3\xbcrich'",
                                                    "'na\xc3\xafve \xc3\xa9'",
                                                    "''",
                                                    "'it''s'",
                                                    "'\xe2\x82\xac 5'",
                                                    "E'tab\\tline\\n'",
                                                    "'\xc5\x82\xc3\xb3"
                                                    "d\xc5\xba'"};
constexpr std::array<std::string_view, 4> kNames = {"plain", "\"With Space\"",
                                                    "\"gr\xc3\xb6\xc3\x9f"
                                                    "e\"",
                                                    "\"quo\"\"te\""};
constexpr std::array<std::string_view, 7> kEncodings = {"UTF8",   "LATIN1",    "WIN1252", "UTF8",
                                                        "LATIN9", "SQL_ASCII", "EUC_JP"};
constexpr std::array<std::string_view, 7> kPaths = {"app",
                                                    "other, app",
                                                    "app, other",
                                                    "hidden, app",
                                                    "nosuch, app",
                                                    "''",
                                                    "\"$user\", app, public"};
constexpr std::array<std::string_view, 4> kZones = {"'Asia/Kathmandu'", "'America/Los_Angeles'",
                                                    "'UTC'", "3"};
constexpr std::array<std::string_view, 3> kLevels = {"SERIALIZABLE", "REPEATABLE READ",
                                                     "READ COMMITTED"};
constexpr std::array<std::string_view, 5> kPlainValues = {"on", "off", "1", "ISO, MDY", "UTC"};

const std::vector<Prepared> kPrepared = {
    {"SELECT id, n, s FROM t WHERE id = $1", "i"},
    {"SELECT $1::int + $2::int", "ii"},
    {"SELECT s FROM t WHERE s = $1 OR id < $2 ORDER BY id", "ti"},
    {"INSERT INTO t VALUES ($1, $2, $3)", "iit"},
    {"INSERT INTO t VALUES ($1, 0, $2) RETURNING id, s", "it"},
    {"UPDATE t SET s = $1 WHERE id = $2 RETURNING id, s", "ti"},
    {"DELETE FROM t WHERE id = $1", "i"},
    {"SELECT generate_series(1, $1)", "i"},
    {"SELECT set_config('app.tenant', $1, false)", "t"},
    {"SELECT $1::text, current_setting('app.tenant', true)", "t"},
    {"SELECT add($1, $2)", "it"},
    {"INSERT INTO u(v) VALUES ($1) RETURNING id", "t"},
    {"SELECT * FROM t ORDER BY id", ""},
    {"SELECT '01/02/2024'::date, 'a\\b', current_user", ""},
    {"SELECT set_config('search_path', $1, true)", "t"},
    {"SELECT pg_notify('ch1', $1)", "t"},
    {"SELECT * FROM x1", ""},
    {"SELECT 100 / $1::int", "i"},
    {"WITH w AS (UPDATE t SET n = n + $1 RETURNING id, n) SELECT * FROM w ORDER BY id", "i"},
    {"SELECT id FROM t ORDER BY id FOR UPDATE", ""},
};

// Latin encodings have one byte for what UTF-8 has two for; what they have not stays as it is.
std::string encoded(const std::string& utf8, std::string_view encoding) {
  if (encoding != "LATIN1" && encoding != "WIN1252" && encoding != "LATIN9") return utf8;
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if ((byte == 0xc2 || byte == 0xc3) && i + 1 < utf8.size()) {
      ++i;
      out += static_cast<char>((byte & 3) << 6 | (static_cast<unsigned char>(utf8[i]) & 0x3f));
    } else {
      out += utf8[i];
    }
  }
  return out;
}

std::string numbered(std::string_view stem, std::size_t number) {
  return std::string(stem) + std::to_string(number);
}

}  // namespace

Statements::Statements(Random& random) : random_(random) {
  // Each session has a leaning of its own, so that rare things meet each other.
  constexpr std::array<unsigned, 6> kChoices = {0, 0, 1, 1, 3, 8};
  for (unsigned& weight : weights_) weight = random_.of(kChoices);
  weights_[static_cast<std::size_t>(Kind::read)] += 3;
  weights_[static_cast<std::size_t>(Kind::write)] += 1;
  weights_[static_cast<std::size_t>(Kind::transaction)] += 1;
}

std::string Statements::word(std::string_view name) {
  if (name == "id") return std::to_string(random_.below(6));
  if (name == "new") return std::to_string(10 + random_.below(30));
  if (name == "digit") return std::to_string(1 + random_.below(3));
  if (name == "text") return std::string(random_.of(kTexts));
  if (name == "name") return std::string(random_.of(kNames));
  if (name == "bool") return random_.one_in(2) ? "true" : "false";
  if (name == "only") return random_.one_in(2) ? "ONLY" : "WRITE";
  if (name == "level") return std::string(random_.of(kLevels));
  if (name == "path") return std::string(random_.of(kPaths));
  if (name == "zone") return std::string(random_.of(kZones));
  if (name == "plain") return std::string(random_.of(kPlainValues));
  if (name == "point") return numbered("p", 1 + random_.below(2));
  if (name == "statement") return numbered("s", 1 + random_.below(3));
  if (name == "cursor") return numbered("c", 1 + random_.below(2));
  if (name == "channel") return numbered("ch", 1 + random_.below(2));
  if (name == "setting") return std::string(random_.of(kSettings).name);
  if (name == "timeless") {  // None that ends something by the clock when its value is odd.
    for (;;) {
      const std::string_view found = random_.of(kSettings).name;
      if (found.find("timeout") == std::string_view::npos) return std::string(found);
    }
  }
  if (name == "setting_value") return std::string(random_.of(random_.of(kSettings).values));
  if (name == "encoding") {
    encoding_ = random_.of(kEncodings);
    return encoding_;
  }
  const SettingRow& row = random_.of(kSettings);  // "assignment"
  return std::string(row.name) + " = " + std::string(random_.of(row.values));
}

std::string Statements::filled(std::string_view text) {
  const std::string before = encoding_;
  std::string out;
  for (;;) {
    const std::size_t open = text.find('{');
    const std::size_t end = text.find('}', open);
    if (open == std::string_view::npos || end == std::string_view::npos) break;
    out += text.substr(0, open);
    out += word(text.substr(open + 1, end - open - 1));
    text.remove_prefix(end + 1);
  }
  out += text;
  return encoded(out, before);  // A change of it is for what comes after the statement.
}

std::string Statements::one(Kind kind) {
  return filled(random_.of(kTemplates[static_cast<std::size_t>(kind)]));
}

std::string Statements::one() { return one(static_cast<Kind>(random_.weighted(weights_))); }

Prepared Statements::prepared() {
  if (random_.one_in(3)) return {one(), ""};
  return random_.of(kPrepared);
}

std::string Statements::value(char parameter) {
  if (parameter == 'i') return std::to_string(random_.below(random_.one_in(3) ? 40 : 6));
  constexpr std::array<std::string_view, 6> kValues = {"blue", "red",        "Z\xc3\xbcrich",
                                                       "",     "app, other", "row 1"};
  return encoded(std::string(random_.of(kValues)), encoding_);
}

std::string Statements::copy_in() {
  constexpr std::array<std::string_view, 5> kCopies = {
      "COPY t FROM STDIN", "COPY t(id, n) FROM STDIN", "COPY t FROM STDIN WITH (FORMAT csv)",
      "COPY x1 FROM STDIN", "COPY nosuch FROM STDIN"};
  return std::string(random_.of(kCopies));
}

std::string Statements::copy_out() {
  constexpr std::array<std::string_view, 5> kCopies = {
      "COPY (TABLE vw ORDER BY 1) TO STDOUT",
      "COPY (SELECT id, s FROM t ORDER BY id) TO STDOUT WITH (FORMAT csv)",
      "COPY (SELECT id FROM t ORDER BY 1) TO STDOUT WITH (FORMAT binary)",
      "COPY (UPDATE t SET n = n + 1 WHERE id = 2 RETURNING id) TO STDOUT", "COPY docs TO STDOUT"};
  return std::string(random_.of(kCopies));
}

std::string Statements::copy_rows() {
  constexpr std::array<std::string_view, 5> kRows = {"{new}\t{id}\tcopied\n", "{new}\t{id}\n",
                                                     "{new},{id},csv\n", "not a row\n",
                                                     "{new}\t{id}\tZ\xc3\xbcrich\n"};
  return filled(random_.of(kRows));
}

std::pair<std::string, std::string> Statements::startup_setting() {
  if (random_.one_in(3)) {
    encoding_ = random_.of(kEncodings);
    return {"client_encoding", encoding_};
  }
  for (;;) {
    const SettingRow& row = random_.of(kSettings);
    if (row.name == "nosuch_setting" || row.name == "session_replication_role" ||
        row.name == "max_connections") {
      continue;
    }
    std::string value(random_.of(row.values));
    if (value.starts_with('\'')) value = value.substr(1, value.size() - 2);
    return {std::string(row.name), value};
  }
}

}  // namespace aurora_global::sessions
