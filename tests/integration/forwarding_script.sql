-- Run by forwarding_script_test.py against the primary and through a forwarding standby, each time
-- in an empty database; what psql prints must be the same, line by line. So nothing here shows an
-- address, a process id, a time, a transaction id or an object id.
\set SHOW_CONTEXT always
\pset null '(null)'

-- DDL, and at once DML on what it made
CREATE TABLE city(id int PRIMARY KEY, name text NOT NULL UNIQUE, people int CHECK (people >= 0));
INSERT INTO city VALUES (1, 'Aachen', 250), (2, 'Bonn', 330), (3, 'Celle', 70);
ALTER TABLE city ADD COLUMN river text DEFAULT 'none';
UPDATE city SET river = 'Rhein' WHERE name = 'Bonn' RETURNING *;
CREATE INDEX ON city(river);
SELECT * FROM city ORDER BY id;
\d city
CREATE TABLE copied AS SELECT id, name FROM city WITH NO DATA;
INSERT INTO copied SELECT id, name FROM city;
SELECT * INTO copied_too FROM copied;
TABLE copied_too ORDER BY id;
ALTER TABLE copied_too RENAME TO renamed;
DELETE FROM renamed WHERE id > 1;
TABLE renamed;
DROP TABLE renamed;
TABLE renamed;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE feelings(who text, how mood, much positive);
INSERT INTO feelings VALUES ('me', 'happy', 3) RETURNING how, much;
INSERT INTO feelings VALUES ('me', 'angry', 3);
INSERT INTO feelings VALUES ('me', 'sad', -3);
ALTER TYPE mood ADD VALUE 'calm';
INSERT INTO feelings VALUES ('you', 'calm', 1);
SELECT * FROM feelings ORDER BY how;

-- DML with everything
INSERT INTO city(id, name, people) VALUES (4, 'Dresden', 560) RETURNING id, upper(name) AS loud;
UPDATE city SET people = people + 1 WHERE people > 200 RETURNING id, people;
DELETE FROM city WHERE id = 3 RETURNING name;
UPDATE city c SET people = c.people + f.n FROM (VALUES (1, 5), (2, 6)) f(id, n) WHERE f.id = c.id
  RETURNING c.name, f.n, c.people;
DELETE FROM city USING copied WHERE city.id = copied.id AND city.id = 99;
WITH moved AS (DELETE FROM city WHERE id = 4 RETURNING *),
     kept AS (INSERT INTO copied SELECT id, name FROM moved RETURNING id)
SELECT count(*), max(id) FROM kept;
WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 13)
INSERT INTO copied SELECT i, 'number ' || i FROM n RETURNING *;
MERGE INTO city USING copied ON city.id = copied.id
  WHEN MATCHED AND copied.id = 1 THEN UPDATE SET river = 'Wurm'
  WHEN NOT MATCHED AND copied.id < 12 THEN INSERT VALUES (copied.id, copied.name, 0)
  WHEN NOT MATCHED THEN DO NOTHING;
SELECT id, name, people, river FROM city ORDER BY id;
INSERT INTO city VALUES (1, 'Aachen') ON CONFLICT DO NOTHING;
INSERT INTO city VALUES (1, 'Aachen', 9) ON CONFLICT (id) DO UPDATE SET people = excluded.people
  WHERE city.people <> 9 RETURNING id, people;
INSERT INTO city VALUES (77, 'Bonn') ON CONFLICT (id) DO NOTHING;
INSERT INTO city VALUES (78, 'Xanten', 1), (78, 'Xanten', 2)
  ON CONFLICT (id) DO UPDATE SET people = 1;
CREATE TABLE box(w int, h int, area int GENERATED ALWAYS AS (w * h) STORED);
INSERT INTO box VALUES (2, 3), (4, 5) RETURNING area;
UPDATE box SET h = 10 WHERE w = 2 RETURNING *;
UPDATE box SET area = 1;
INSERT INTO box(w, h, area) VALUES (1, 1, DEFAULT);
SELECT * FROM box ORDER BY w;
INSERT INTO box VALUES (1);
SELECT 1 AS one, NULL AS nothing \gset
\echo :one :nothing
INSERT INTO city VALUES (50, 'Essen', 580) RETURNING id, name AS title \gset new_
\echo :new_id :new_title
SELECT id, name FROM city WHERE id = :new_id FOR UPDATE;
INSERT INTO city VALUES (51, 'Fulda') RETURNING id, name, people \gdesc
SELECT area, w FROM box \gdesc
SELECT id, name FROM city WHERE id > 10 ORDER BY id \gx
SELECT format('DELETE FROM city WHERE id = %s', id) FROM city WHERE id >= 50 \gexec
SELECT name, river, people FROM city WHERE id <= 2 \crosstabview name river people

-- Errors outside of a block: positions, details, hints
INSERT INTO city VALUES (1, 'again');
INSERT INTO city VALUES (9, NULL);
INSERT INTO city VALUES (9, 'Neuss', -1);
INSERT INTO city(id, nmae) VALUES (9, 'x');
UPDATE city SET pepole = 1;
SELECT * FROM nowhere;
DELETE FROM city WHERE nowhere();
INSERT INTO city SELECT 1/0, 'x';
SELECT 1 FORM city;
CREATE TABLE city();
DROP TABLE nowhere;
DROP TABLE IF EXISTS nowhere;
CREATE TABLE IF NOT EXISTS city();
ALTER TABLE city ADD CONSTRAINT small CHECK (people < 5);
CREATE UNIQUE INDEX ON box((1));
INSERT INTO city VALUES (9, 'a' , 'many' );
UPDATE city SET people = 'ä' || name;
CREATE TABLE child(city int REFERENCES city);
INSERT INTO child VALUES (1), (2);
INSERT INTO child VALUES (1000);
DELETE FROM city WHERE id = 1;
DROP TABLE city;
CREATE TABLE a_very_long_name_of_a_table_that_postgresql_cuts_off_after_63_bytes_of_it(i int);
INSERT INTO a_very_long_name_of_a_table_that_postgresql_cuts_off_after_63_bytes_of_it VALUES (1);
\set VERBOSITY verbose
INSERT INTO city VALUES (1, 'again');
SELECT 1/(people - people) FROM city FOR UPDATE;
UPDATE nowhere SET x = 1;
INSERT INTO child VALUES (1000);
\set VERBOSITY sqlstate
INSERT INTO city VALUES (1, 'again');
COMMIT PREPARED 'nothing';
\set VERBOSITY default
\errverbose

-- Blocks, errors in them, savepoints
BEGIN;
INSERT INTO copied VALUES (100, 'block');
SELECT count(*) FROM copied;
INSERT INTO city VALUES (1, 'again');
SELECT 1;
INSERT INTO copied VALUES (101, 'block');
COMMIT;
SELECT count(*) FROM copied WHERE id >= 100;
BEGIN;
SELECT count(*) FROM copied;
SELECT 1/0;
INSERT INTO copied VALUES (101, 'block');
ROLLBACK;
BEGIN;
SAVEPOINT before_write;
INSERT INTO copied VALUES (102, 'one');
SAVEPOINT a;
INSERT INTO copied VALUES (103, 'two');
SAVEPOINT a;
INSERT INTO copied VALUES (104, 'three');
ROLLBACK TO a;
SELECT id FROM copied WHERE id > 100 ORDER BY id;
RELEASE a;
INSERT INTO copied VALUES (105, 'four');
ROLLBACK TO SAVEPOINT a;
SELECT id FROM copied WHERE id > 100 ORDER BY id;
INSERT INTO city VALUES (1, 'again');
SAVEPOINT b;
ROLLBACK TO a;
SAVEPOINT b;
RELEASE SAVEPOINT b;
ROLLBACK TO b;
ROLLBACK TO a;
RELEASE before_write;
COMMIT;
SELECT id FROM copied WHERE id > 100 ORDER BY id;
SELECT pg_is_in_recovery() IS NOT NULL AS answers;
BEGIN;
SELECT 1 AS read;
SAVEPOINT s1;
SELECT 1/0;
ROLLBACK TO s1;
INSERT INTO copied VALUES (106, 'after an error that was rolled back');
ROLLBACK TO s1;
SELECT id FROM copied WHERE id > 105;
COMMIT AND CHAIN;
INSERT INTO copied VALUES (107, 'chained');
ROLLBACK AND CHAIN;
INSERT INTO copied VALUES (108, 'chained');
COMMIT;
SELECT id FROM copied WHERE id > 105;
COMMIT;
ROLLBACK;
BEGIN;
BEGIN;
INSERT INTO copied VALUES (109, 'twice begun');
BEGIN;
COMMIT;
SAVEPOINT outside;
RELEASE outside;
ROLLBACK TO outside;
BEGIN READ ONLY;
INSERT INTO copied VALUES (110, 'read only');
ROLLBACK;
BEGIN;
SET TRANSACTION READ ONLY;
DELETE FROM copied;
ROLLBACK;
BEGIN;
CREATE TABLE in_block(i int);
INSERT INTO in_block SELECT generate_series(1, 5);
CREATE INDEX ON in_block(i);
ALTER TABLE in_block ADD COLUMN j int DEFAULT 7;
SAVEPOINT s;
DROP TABLE in_block;
SELECT * FROM in_block;
ROLLBACK TO s;
SELECT count(*), sum(j) FROM in_block;
COMMIT;
SELECT count(*), sum(j) FROM in_block;

-- Several statements in one query string
INSERT INTO copied VALUES (120, 'a') \; INSERT INTO copied VALUES (121, 'b') \; SELECT count(*) FROM copied;
INSERT INTO copied VALUES (122, 'c') \; INSERT INTO city VALUES (1, 'again') \; SELECT 1;
SELECT id FROM copied WHERE id >= 120 ORDER BY id;
SELECT 1 AS first \; INSERT INTO copied VALUES (123, 'd') RETURNING id \; SELECT nowhere;
BEGIN \; INSERT INTO copied VALUES (124, 'e') \; COMMIT \; INSERT INTO copied VALUES (125, 'f') \; ROLLBACK;
SELECT id FROM copied WHERE id >= 120 ORDER BY id;
SELECT 2 AS ümläut \; SELECT 'ß' \; UPDATE city SET pepole = 1;
CREATE TABLE twice(i int) \; INSERT INTO twice VALUES (1) \; SELECT * FROM twice;
SET work_mem = '5MB' \; INSERT INTO twice VALUES (2) \; SHOW work_mem;
SHOW work_mem;
RESET work_mem;

-- COPY
\copy city to 'city.txt'
\copy (SELECT id, name FROM city ORDER BY id) to stdout with (format csv, header)
CREATE TABLE city2(LIKE city);
\copy city2 from 'city.txt'
SELECT * FROM city2 ORDER BY id;
\copy city from 'city.txt'
\copy city2(id, nowhere) from 'city.txt'
\copy box from 'city.txt'
COPY city2 FROM STDIN (FORMAT csv);
60,"Gera, Thüringen",95,Elster
61,Hof,45,Saale
\.
COPY city2(id, name) TO STDOUT (FORMAT csv);
COPY (SELECT id FROM city2 ORDER BY id DESC) TO STDOUT;
COPY (DELETE FROM city2 WHERE id > 60 RETURNING id, name) TO STDOUT;
COPY (SELECT id FROM city2 ORDER BY id FOR UPDATE) TO STDOUT;
BEGIN;
COPY city2 FROM STDIN;
70	Iserlohn	90	Baar
\.
COPY (SELECT * FROM city2 WHERE id >= 60) TO STDOUT;
COPY city2 TO STDOUT (FORMAT csv);
ROLLBACK;
SELECT count(*) FROM city2;
COPY city2 TO '/nowhere/file';
COPY city2 FROM PROGRAM 'true';

-- Sequences
CREATE SEQUENCE seq START 5 INCREMENT 5;
SELECT nextval('seq'), nextval('seq');
SELECT currval('seq'), lastval();
SELECT setval('seq', 50), setval('seq', 60, false);
SELECT nextval('seq');
SELECT last_value, is_called FROM seq;
ALTER SEQUENCE seq RESTART WITH 7 MAXVALUE 12;
SELECT nextval('seq');
SELECT nextval('seq');
SELECT nextval('seq');
CREATE SEQUENCE unused;
SELECT currval('unused');
SELECT currval('nowhere');
CREATE TABLE numbered(id serial PRIMARY KEY, other int GENERATED ALWAYS AS IDENTITY, t text);
INSERT INTO numbered(t) VALUES ('a'), ('b') RETURNING *;
SELECT currval('numbered_id_seq'), lastval();
SELECT currval(pg_get_serial_sequence('numbered', 'other'));
INSERT INTO numbered(other, t) VALUES (9, 'c');
INSERT INTO numbered(other, t) OVERRIDING SYSTEM VALUE VALUES (9, 'c') RETURNING id, other;
BEGIN;
INSERT INTO numbered(t) VALUES ('lost') RETURNING id;
ROLLBACK;
INSERT INTO numbered(t) VALUES ('d') RETURNING id;
TRUNCATE numbered RESTART IDENTITY;
INSERT INTO numbered(t) VALUES ('e') RETURNING id, other;
DISCARD SEQUENCES;
SELECT lastval();

-- Functions, DO, procedures
CREATE FUNCTION add_city(i int, n text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; told text;
BEGIN
  RAISE NOTICE 'adding %', n;
  INSERT INTO city(id, name) VALUES (i, n);
  RETURN 'added';
EXCEPTION
  WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, told = MESSAGE_TEXT;
    RAISE WARNING 'caught %', told USING DETAIL = 'state ' || state, HINT = 'another number';
    RETURN 'there is one';
END $$;
SELECT add_city(30, 'Jena');
SELECT add_city(30, 'Kiel');
SELECT add_city(i, 'City ' || i) FROM generate_series(29, 32) i;
SELECT add_city(33, NULL);
SELECT * FROM add_city(34, 'Lahr') AS a(outcome);
CREATE FUNCTION raises(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM city WHERE id = i;
  RAISE EXCEPTION 'no %', i USING ERRCODE = 'P9999', DETAIL = 'a detail', HINT = 'a hint',
    TABLE = 'city', COLUMN = 'id';
END $$;
\set VERBOSITY verbose
SELECT raises(30);
\set VERBOSITY default
SELECT count(*) FROM city WHERE id = 30;
CREATE FUNCTION rows() RETURNS SETOF city LANGUAGE sql STABLE AS 'SELECT * FROM city ORDER BY id';
SELECT id, name FROM rows() WHERE id < 3;
CREATE FUNCTION doubled(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
SELECT doubled(21);
CREATE FUNCTION pair(OUT a int, OUT b text) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE city SET people = 1 WHERE id = 30 RETURNING id, name INTO a, b;
END $$;
SELECT * FROM pair();
SELECT pair();
SELECT (pair()).b;
CREATE FUNCTION any_row() RETURNS record LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  INSERT INTO twice VALUES (3);
  SELECT 1 AS x, 'y'::text AS y INTO r;
  RETURN r;
END $$;
SELECT any_row();
SELECT * FROM any_row() AS r(x int, y text);
SELECT * FROM any_row() AS r(x int);
DO $$ BEGIN
  FOR i IN 1..3 LOOP
    RAISE NOTICE 'round %', i;
    INSERT INTO twice VALUES (10 + i);
    RAISE INFO 'done %', i;
  END LOOP;
END $$;
SELECT count(*) FROM twice;
DO $$ BEGIN PERFORM 1/0; END $$;
DO $$ BEGIN INSERT INTO nowhere VALUES (1); END $$;
DO $$ BEGIN syntax error END $$;
CREATE PROCEDURE batches(n int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..n LOOP
    INSERT INTO twice VALUES (100 + i);
    IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
    RAISE NOTICE 'batch %', i;
  END LOOP;
END $$;
CALL batches(4);
SELECT i FROM twice WHERE i > 100 ORDER BY i;
BEGIN;
CALL batches(2);
ROLLBACK;
CREATE PROCEDURE answers(INOUT i int, INOUT t text DEFAULT 'x') LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO twice VALUES (i);
  i := i + 1;
END $$;
CALL answers(200);
CALL answers(201, 'y');
CALL nowhere();
DO $$ BEGIN CALL batches(2); INSERT INTO twice VALUES (300); COMMIT; PERFORM 1/0; END $$;
SELECT i FROM twice WHERE i > 100 ORDER BY i;

-- NOTICE and WARNING between rows
CREATE FUNCTION tells(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE 'row %', i;
  RETURN i;
END $$;
SELECT tells(i) FROM generate_series(1, 3) i;
INSERT INTO twice SELECT tells(i) FROM generate_series(1, 2) i RETURNING tells(i);
SET client_min_messages = warning;
SELECT tells(4);
RESET client_min_messages;
SET client_min_messages = debug1;
CREATE TABLE with_key(i int PRIMARY KEY);
RESET client_min_messages;

-- Triggers
CREATE TABLE log(line serial, what text);
CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE '% % % on %: old %, new %', TG_NAME, TG_WHEN, TG_OP, TG_TABLE_NAME, OLD, NEW;
  INSERT INTO log(what) VALUES (TG_NAME || ' ' || TG_OP);
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER one BEFORE INSERT OR UPDATE OR DELETE ON box FOR EACH ROW EXECUTE FUNCTION logs();
CREATE TRIGGER two AFTER INSERT OR UPDATE ON box FOR EACH ROW EXECUTE FUNCTION logs();
CREATE TRIGGER three AFTER TRUNCATE ON box EXECUTE FUNCTION logs();
CREATE CONSTRAINT TRIGGER late AFTER DELETE ON box DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION logs();
INSERT INTO box VALUES (7, 8);
UPDATE box SET w = 9 WHERE w = 7 RETURNING area;
BEGIN;
DELETE FROM box WHERE w = 9;
SELECT what FROM log ORDER BY line DESC LIMIT 1;
COMMIT;
BEGIN;
DELETE FROM box WHERE w = 4;
SET CONSTRAINTS late IMMEDIATE;
ROLLBACK;
TRUNCATE box;
SELECT what FROM log ORDER BY line;
CREATE TABLE later(i int UNIQUE DEFERRABLE INITIALLY DEFERRED);
BEGIN;
INSERT INTO later VALUES (1), (1);
COMMIT;
INSERT INTO later VALUES (1), (1);
SELECT count(*) FROM later;

-- Views and rules
CREATE VIEW big AS SELECT id, name, people FROM city WHERE people > 100 WITH CHECK OPTION;
INSERT INTO big VALUES (40, 'Mainz', 220) RETURNING *;
INSERT INTO big VALUES (41, 'Naila', 7);
UPDATE big SET people = people + 1 WHERE id = 40;
DELETE FROM big WHERE id = 40 RETURNING people;
CREATE VIEW calls AS SELECT add_city(42, 'Olpe');
TABLE calls;
CREATE TABLE audit(what text);
CREATE TABLE ruled(i int, t text);
CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO audit VALUES ('ruled ' || NEW.i);
INSERT INTO ruled VALUES (1, 'a'), (2, 'b');
INSERT INTO ruled VALUES (3, 'c') RETURNING *;
SELECT * FROM ruled ORDER BY i;
SELECT * FROM audit ORDER BY what;
CREATE RULE instead AS ON DELETE TO ruled DO INSTEAD UPDATE ruled SET t = 'gone' WHERE i = OLD.i;
DELETE FROM ruled WHERE i < 3;
CREATE RULE nothing AS ON UPDATE TO ruled WHERE NEW.t = 'never' DO INSTEAD NOTHING;
UPDATE ruled SET t = 'never' WHERE i = 3;
UPDATE ruled SET t = 'ever' WHERE i = 3;
SELECT * FROM ruled ORDER BY i;
CREATE VIEW seen AS SELECT i, t FROM ruled;
CREATE RULE seen_insert AS ON INSERT TO seen DO INSTEAD
  (INSERT INTO audit VALUES ('seen ' || NEW.i); INSERT INTO ruled VALUES (NEW.i, NEW.t) RETURNING i, t);
INSERT INTO seen VALUES (5, 'e') RETURNING *;
CREATE RULE selects AS ON UPDATE TO seen DO INSTEAD SELECT * FROM audit ORDER BY what;
UPDATE seen SET t = 'x';
SELECT count(*) FROM audit;
CREATE MATERIALIZED VIEW sums AS SELECT count(*) FROM ruled;
DELETE FROM audit;
INSERT INTO ruled VALUES (6, 'f');
TABLE sums;
REFRESH MATERIALIZED VIEW sums;
TABLE sums;

-- Cursors
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM city ORDER BY id;
FETCH 2 FROM c;
MOVE 1 IN c;
FETCH c;
FETCH BACKWARD 1 FROM c;
CLOSE c;
FETCH c;
ROLLBACK;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, name FROM city WHERE id < 31 ORDER BY id FOR UPDATE;
DECLARE c CURSOR FOR SELECT id, name FROM city WHERE id < 31 FOR UPDATE;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id, name FROM city WHERE id IN (29, 30) FOR UPDATE;
FETCH c;
UPDATE city SET people = 4 WHERE CURRENT OF c RETURNING id, people;
MOVE c;
DELETE FROM city WHERE CURRENT OF c;
FETCH c;
COMMIT;
SELECT id, people FROM city WHERE id IN (29, 30) ORDER BY id;
BEGIN;
INSERT INTO twice VALUES (400);
DECLARE c SCROLL CURSOR FOR SELECT i FROM twice WHERE i >= 200 ORDER BY i;
FETCH FIRST FROM c;
FETCH LAST FROM c;
FETCH ABSOLUTE 2 FROM c;
FETCH RELATIVE -1 FROM c;
FETCH ALL FROM c;
MOVE BACKWARD ALL IN c;
FETCH FORWARD 2 FROM c;
COMMIT;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM city ORDER BY id;
FETCH 1 FROM held;
COMMIT;
FETCH 1 FROM held;
CLOSE held;
CLOSE held;
DECLARE outside CURSOR FOR SELECT 1;
BEGIN;
DECLARE gone CURSOR FOR SELECT id FROM city ORDER BY id;
FETCH 1 FROM gone;
INSERT INTO twice VALUES (401);
FETCH 1 FROM gone;
CLOSE ALL;
COMMIT;

CREATE FUNCTION opens(name refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$
BEGIN
  OPEN name FOR SELECT id FROM city ORDER BY id;
  RETURN name;
END $$;
BEGIN;
SELECT opens('portal');
FETCH 2 FROM portal;
COMMIT;

-- PREPARE and EXECUTE
PREPARE get(int) AS SELECT name FROM city WHERE id = $1;
PREPARE put(int, text) AS INSERT INTO city(id, name) VALUES ($1, $2) RETURNING id, name;
PREPARE lock AS SELECT id FROM city WHERE id = 1 FOR UPDATE;
EXECUTE get(1);
EXECUTE put(80, 'Passau');
EXECUTE get(80);
EXECUTE put(80, 'Passau');
EXECUTE put(81);
EXECUTE nowhere;
EXECUTE lock;
BEGIN;
EXECUTE put(81, 'Rheine');
EXECUTE get(81);
PREPARE inside AS DELETE FROM city WHERE id = $1;
EXECUTE inside(81);
ROLLBACK;
EXECUTE inside(80);
EXECUTE get(80);
CREATE TABLE from_execute AS EXECUTE get(1);
TABLE from_execute;
EXPLAIN (COSTS OFF) EXECUTE put(1, 'x');
DEALLOCATE put;
EXECUTE put(82, 'Soest');
DEALLOCATE ALL;
EXECUTE get(1);
PREPARE get AS SELECT 1 WHERE;

PREPARE number AS SELECT nextval('unused');
EXECUTE number;
EXECUTE number;
VALUES (nextval('unused'), currval('unused'));
COPY (SELECT nextval('unused')) TO STDOUT;
CREATE VIEW numbers AS SELECT nextval('unused');
TABLE numbers;
COPY numbers TO STDOUT;
WITH locked AS (SELECT id FROM city WHERE id = 1 FOR UPDATE) SELECT * FROM locked;
SELECT (SELECT count(*) FROM (SELECT 1 FROM city WHERE id = 1 FOR SHARE) s);
/* a comment, */ INSERT INTO twice -- and another
  VALUES (450) RETURNING i;
SELECT set_config('app.tenant', 'of a query ' || nextval('unused'), false);
SHOW app.tenant;
BEGIN;
INSERT INTO twice VALUES (460);
SELECT 1/0;
PREPARE again AS SELECT 1;
DEALLOCATE number;
ROLLBACK;
PREPARE again AS SELECT 2;
EXECUTE again;
EXECUTE number;
BEGIN;
INSERT INTO twice VALUES (461);
PREPARE inner_one AS SELECT 3;
SAVEPOINT s;
PREPARE inner_two AS SELECT nowhere;
ROLLBACK TO s;
PREPARE inner_two AS SELECT 4;
ROLLBACK;
EXECUTE inner_one;
EXECUTE inner_two;

-- EXPLAIN
EXPLAIN (COSTS OFF) INSERT INTO twice VALUES (500);
EXPLAIN (COSTS OFF) DELETE FROM city2 WHERE id = 1;
EXPLAIN (COSTS OFF) SELECT name FROM city2 WHERE id = 1 FOR UPDATE;
SELECT count(*) FROM twice WHERE i = 500;
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) INSERT INTO twice VALUES (500);
SELECT count(*) FROM twice WHERE i = 500;
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) UPDATE twice SET i = 501 WHERE i = 500;
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) SELECT count(*) FROM box;
BEGIN;
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) DELETE FROM twice WHERE i = 501;
ROLLBACK;
EXPLAIN ANALYZE INSERT INTO nowhere VALUES (1);
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) CREATE TABLE explained AS SELECT 1 AS i;
TABLE explained;
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) EXECUTE number;

-- Temporary tables: the session is at the primary from here on, over several transactions
CREATE TEMP TABLE scratch(i int PRIMARY KEY, t text);
INSERT INTO scratch VALUES (1, 'a'), (2, 'b');
SELECT * FROM scratch ORDER BY i;
BEGIN;
UPDATE scratch SET t = 'c' WHERE i = 1;
SAVEPOINT s;
INSERT INTO scratch VALUES (1, 'again');
ROLLBACK TO s;
SELECT * FROM scratch ORDER BY i;
ROLLBACK;
SELECT * FROM scratch ORDER BY i;
INSERT INTO city(id, name) SELECT 90 + i, t FROM scratch RETURNING id;
SELECT id, name FROM city WHERE id > 90 ORDER BY id;
\copy scratch to stdout
CREATE TEMP TABLE of_block(i int) ON COMMIT DELETE ROWS;
BEGIN;
INSERT INTO of_block VALUES (1);
SELECT count(*) FROM of_block;
COMMIT;
SELECT count(*) FROM of_block;
BEGIN;
CREATE TEMP TABLE of_block_too ON COMMIT DROP AS SELECT 1 AS i;
TABLE of_block_too;
COMMIT;
TABLE of_block_too;
CREATE TEMP VIEW scratched AS SELECT i FROM scratch;
TABLE scratched;
SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r' ORDER BY 1;
DROP TABLE scratch CASCADE;
DISCARD TEMP;
SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r' ORDER BY 1;
SELECT * FROM of_block;

-- Isolation, two-phase commit, LOCK
BEGIN ISOLATION LEVEL SERIALIZABLE;
SHOW transaction_isolation;
SELECT count(*) FROM copied;
INSERT INTO copied VALUES (130, 'serializable');
SELECT count(*) FROM copied;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SHOW transaction_isolation;
SELECT count(*) FROM copied;
INSERT INTO copied VALUES (131, 'repeatable');
SELECT count(*) FROM copied;
ROLLBACK;
BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
SELECT count(*) FROM copied;
COMMIT;
BEGIN;
INSERT INTO copied VALUES (132, 'too late');
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
ROLLBACK;
SET default_transaction_isolation = 'serializable';
SHOW transaction_isolation;
INSERT INTO copied VALUES (133, 'by default');
SELECT max(id) FROM copied;
RESET default_transaction_isolation;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ;
INSERT INTO copied VALUES (134, 'by the session');
SHOW transaction_isolation;
RESET default_transaction_isolation;
SET default_transaction_read_only = on;
INSERT INTO copied VALUES (135, 'never');
BEGIN READ WRITE;
INSERT INTO copied VALUES (136, 'after all');
COMMIT;
RESET default_transaction_read_only;
SELECT id FROM copied WHERE id > 130 ORDER BY id;
BEGIN;
INSERT INTO copied VALUES (140, 'prepared');
PREPARE TRANSACTION 'forwarding_script';
COMMIT PREPARED 'forwarding_script';
ROLLBACK;
SELECT id FROM copied WHERE id = 140;
BEGIN;
LOCK TABLE copied IN SHARE ROW EXCLUSIVE MODE;
LOCK copied, city IN ACCESS EXCLUSIVE MODE NOWAIT;
UPDATE copied SET name = 'locked' WHERE id = 136 RETURNING name;
COMMIT;
LOCK TABLE copied;
SELECT id FROM copied WHERE id = 136 FOR NO KEY UPDATE SKIP LOCKED;

-- Maintenance
VACUUM copied;
VACUUM (ANALYZE) city;
ANALYZE copied;
ANALYZE copied(nowhere);
BEGIN;
VACUUM copied;
ROLLBACK;
VACUUM nowhere;
CREATE INDEX CONCURRENTLY copied_id ON copied(id);
REINDEX TABLE copied;
CLUSTER copied USING copied_id;
COMMENT ON TABLE copied IS 'a comment';
SELECT obj_description('copied'::regclass);
TRUNCATE copied, city2;
SELECT count(*) FROM copied;
TRUNCATE city;
BEGIN;
TRUNCATE city CASCADE;
SELECT count(*) FROM city;
ROLLBACK;
SELECT count(*) > 0 AS there FROM city;
ALTER SYSTEM SET work_mem = '1MB';
CHECKPOINT;

-- Settings and schemas
SELECT set_config('app.tenant', 'blue', false);
CREATE TABLE secret(tenant text DEFAULT current_setting('app.tenant'), what text);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (tenant = current_setting('app.tenant', true));
INSERT INTO secret(what) VALUES ('of blue') RETURNING tenant;
SET app.tenant = 'red';
INSERT INTO secret(what) VALUES ('of red') RETURNING tenant;
INSERT INTO secret VALUES ('blue', 'by red');
UPDATE secret SET what = what || '!' RETURNING *;
TABLE secret;
BEGIN;
SET LOCAL app.tenant = 'blue';
DELETE FROM secret RETURNING *;
ROLLBACK;
SHOW app.tenant;
TABLE secret;
BEGIN;
INSERT INTO secret(what) VALUES ('second of red');
SET app.tenant = 'blue';
SELECT count(*) FROM secret;
ROLLBACK;
SHOW app.tenant;
CREATE SCHEMA other;
SET search_path = other, public;
CREATE TABLE city(id text);
INSERT INTO city VALUES ('other');
TABLE city;
BEGIN;
SET LOCAL search_path = public;
INSERT INTO city(id, name) VALUES (95, 'Trier') RETURNING id, name;
COMMIT;
SHOW search_path;
TABLE city;
RESET search_path;
SELECT name FROM city WHERE id = 95;
SET DateStyle = 'German';
SET TIME ZONE 'Asia/Tokyo';
SET IntervalStyle = 'iso_8601';
SET bytea_output = 'escape';
SET extra_float_digits = 0;
CREATE TABLE formats(d date, t timestamptz, i interval, b bytea, f float8);
INSERT INTO formats VALUES ('3.2.2001', '2001-02-03 04:05:06+00', '1 day 2 hours', 'a\\b', 0.1::float4)
  RETURNING *;
TABLE formats;
BEGIN;
SET LOCAL DateStyle = 'ISO';
INSERT INTO formats(d) VALUES ('2001-03-04') RETURNING d;
SET LOCAL DateStyle = 'SQL, DMY';
TABLE formats;
COMMIT;
SELECT max(d) FROM formats;
RESET ALL;
SELECT max(d) FROM formats;
SET statement_timeout = '40ms';
SELECT 1 FROM pg_sleep(5);
INSERT INTO twice SELECT 1 FROM pg_sleep(5);
RESET statement_timeout;
SELECT count(*) FROM twice;
SET nowhere.x = 1;
SET nowhere = 1;
SET work_mem = 'much';

-- Rights
CREATE ROLE script_role_a ROLE CURRENT_USER;
CREATE ROLE script_role_b;
GRANT script_role_a TO script_role_b;
GRANT SELECT, INSERT(id) ON city2 TO script_role_a;
GRANT USAGE ON SCHEMA other TO script_role_a;
SET ROLE script_role_a;
SELECT count(*) FROM city2;
INSERT INTO city2(id) VALUES (1);
INSERT INTO city2(id, people) VALUES (1, 2);
UPDATE city2 SET id = 2;
DELETE FROM copied;
DROP TABLE city2;
CREATE TABLE mine(i int);
SELECT * FROM other.city FOR UPDATE;
RESET ROLE;
REVOKE ALL ON city2 FROM script_role_a;
SET ROLE script_role_a;
SELECT count(*) FROM city2;
INSERT INTO city2(id) VALUES (1);
RESET ROLE;
SELECT has_table_privilege('city2', 'INSERT');
BEGIN;
SET LOCAL ROLE script_role_a;
INSERT INTO twice VALUES (1);
ROLLBACK;
INSERT INTO twice VALUES (1) RETURNING current_user = session_user;
CREATE FUNCTION definer() RETURNS bool LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO twice VALUES (600);
  RETURN current_user = session_user;
END $$;
SET ROLE script_role_a;
SELECT definer();
RESET ROLE;
RESET SESSION AUTHORIZATION;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO script_role_a;
SET SESSION AUTHORIZATION script_role_a;
DROP ROLE script_role_a;
DROP OWNED BY script_role_a;
DROP ROLE script_role_a, script_role_b;
SET ROLE nowhere;

-- Large objects, advisory locks, notifications
SELECT lo_create(4711);
SELECT lo_put(4711, 0, 'a large object');
SELECT convert_from(lo_get(4711), 'UTF8');
BEGIN;
SELECT lo_open(4711, x'60000'::int) AS handle \gset
SELECT lo_lseek(:handle, 2, 0), loread(:handle, 5);
SELECT lowrite(:handle, ' thing'), lo_tell(:handle);
SELECT lo_close(:handle);
COMMIT;
SELECT convert_from(lo_get(4711, 0, 13), 'UTF8');
SELECT lo_from_bytea(4711, 'x');
SELECT lo_unlink(4711);
SELECT lo_get(4711);
SELECT pg_advisory_lock(4711);
SELECT pg_try_advisory_lock(4711), pg_advisory_unlock(4711), pg_advisory_unlock(4711);
SELECT pg_advisory_unlock(4711);
BEGIN;
SELECT pg_advisory_xact_lock(1, 2);
SELECT pg_try_advisory_xact_lock(1, 2);
COMMIT;
SELECT pg_advisory_unlock(1, 2);
SELECT pg_advisory_unlock_all();
NOTIFY nobody, 'hears';
SELECT pg_notify('nobody', 'hears');
BEGIN;
NOTIFY nobody;
ROLLBACK;
NOTIFY "";
SELECT pg_notify('', 'x');
LISTEN somebody;
NOTIFY somebody, 'hears';
SELECT count(*) FROM twice;
BEGIN;
NOTIFY somebody, 'waits';
SELECT 1 AS before;
COMMIT;
UNLISTEN somebody;
NOTIFY somebody, 'hears nothing';
SELECT pg_listening_channels();

-- What psql does by itself: savepoints around statements, blocks, cursors, another encoding
\set ON_ERROR_ROLLBACK on
BEGIN;
INSERT INTO twice VALUES (700);
INSERT INTO nowhere VALUES (1);
INSERT INTO twice SELECT 1/0;
INSERT INTO twice VALUES (701);
COMMIT;
SELECT i FROM twice WHERE i >= 700 ORDER BY i;
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT off
INSERT INTO twice VALUES (702);
SELECT max(i) FROM twice;
ROLLBACK;
SELECT max(i) FROM twice;
INSERT INTO twice VALUES (703);
COMMIT;
\set AUTOCOMMIT on
\set FETCH_COUNT 2
SELECT i FROM twice WHERE i >= 600 ORDER BY i;
SELECT nextval('unused') FROM generate_series(1, 5);
\unset FETCH_COUNT
-- The bytes of this file are two characters each in LATIN1.
\encoding LATIN1
INSERT INTO log(what) VALUES ('Stra' || chr(223) || 'e') RETURNING what;
INSERT INTO log(what) VALUES ('äö') RETURNING length(what);
SELECT 'äö' FROM log, nowhere;
UPDATE log SET what = 'äö', nowhere = 1;
SELECT 'äö' \; INSERT INTO log(nowhere) VALUES ('ä');
INSERT INTO log(what) VALUES (chr(8364)) RETURNING what;
\encoding UTF8
SELECT what FROM log ORDER BY line DESC LIMIT 2;

-- What is left
UNLISTEN *;
DISCARD ALL;
SELECT count(*) FROM twice;
\dt
\dv
\df add_city
\sf doubled
