-- What SQL sees of the extension: Aurora's functions under Aurora's names, and our own. Region
-- daemons run this file in template1; by hand it is CREATE EXTENSION aurora_global.
--
-- Nothing here is VOLATILE but what must be: volatile functions in SQL run at the primary.
-- A standby's application_name is REGION/INSTANCE; one of the same region is an in-region reader.

CREATE FUNCTION pg_catalog.aurora_version() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN substring(current_setting('server_version') from '^\d+\.\d+') || '.0';

CREATE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS varchar
LANGUAGE sql STABLE PARALLEL SAFE
RETURN current_setting('aurora_global.instance')::varchar;

-- The servers that this one knows of: itself, those that stream from it, and the one it streams
-- from. Lags are milliseconds, null on the server that is not behind anybody.
CREATE FUNCTION pg_catalog.aurora_global_servers(
  OUT region text, OUT server_id text, OUT writer boolean, OUT self boolean,
  OUT received pg_lsn, OUT replayed pg_lsn, OUT flush_lag_ms bigint, OUT replay_lag_ms bigint,
  OUT feedback_xmin bigint, OUT updated timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT current_setting('aurora_global.region'), current_setting('aurora_global.instance'),
         NOT r, true,
         CASE WHEN r THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_flush_lsn() END,
         CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END,
         CASE WHEN r THEN
           CASE WHEN w.latest_end_lsn <= pg_last_wal_receive_lsn()
                     AND w.last_msg_receipt_time > clock_timestamp()
                         - make_interval(secs => 0.001 * (SELECT setting::int FROM pg_settings
                                                          WHERE name = 'wal_receiver_timeout'))
                THEN 0
                ELSE (1000 * extract(epoch FROM clock_timestamp()
                        - coalesce(w.latest_end_time, pg_last_xact_replay_timestamp())))::bigint END
         END,
         CASE WHEN r THEN
           CASE WHEN pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() THEN 0
                ELSE (1000 * extract(epoch FROM clock_timestamp()
                        - pg_last_xact_replay_timestamp()))::bigint END
         END,
         0::bigint, clock_timestamp()
  FROM pg_is_in_recovery() r LEFT JOIN pg_stat_get_wal_receiver() w ON true
  UNION ALL
  SELECT split_part(a.application_name, '/', 1), split_part(a.application_name, '/', 2), false,
         false, s.flush_lsn, s.replay_lsn,
         coalesce((1000 * extract(epoch FROM s.flush_lag))::bigint, 0),
         coalesce((1000 * extract(epoch FROM s.replay_lag))::bigint, 0),
         coalesce(a.backend_xmin::text::bigint, 0), s.reply_time
  FROM pg_stat_get_wal_senders() s JOIN pg_stat_get_activity(NULL) a ON a.pid = s.pid
  WHERE a.application_name LIKE '%/%'
  UNION ALL
  SELECT current_setting('aurora_global.primary_region'),
         current_setting('aurora_global.primary_instance'), true, false,
         w.latest_end_lsn, w.latest_end_lsn, NULL, NULL, 0, w.latest_end_time
  FROM pg_stat_get_wal_receiver() w
  WHERE w.pid IS NOT NULL AND pg_is_in_recovery();
END;

CREATE FUNCTION pg_catalog.aurora_global_db_status(
  OUT aws_region text, OUT highest_lsn_written bigint, OUT durability_lag_in_msec bigint,
  OUT rpo_lag_in_msec bigint, OUT last_lag_calculation_time timestamptz,
  OUT feedback_epoch integer, OUT feedback_xmin bigint) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT region, (max(received) - '0/0'::pg_lsn)::bigint,
         CASE WHEN bool_or(writer) THEN -1 ELSE min(flush_lag_ms) END,
         CASE WHEN bool_or(writer) THEN -1 ELSE min(flush_lag_ms) END,
         CASE WHEN bool_or(writer) THEN 'epoch'::timestamptz ELSE max(updated) END,
         0, max(feedback_xmin)
  FROM aurora_global_servers() GROUP BY region
  ORDER BY bool_or(writer) DESC, region;
END;

CREATE FUNCTION pg_catalog.aurora_global_db_instance_status(
  OUT server_id text, OUT session_id text, OUT aws_region text, OUT durable_lsn bigint,
  OUT highest_lsn_rcvd bigint, OUT feedback_epoch integer, OUT feedback_xmin bigint,
  OUT oldest_read_view_lsn bigint, OUT visibility_lag_in_msec bigint) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT server_id, CASE WHEN writer THEN 'MASTER_SESSION_ID' ELSE md5(server_id)::uuid::text END,
         region, (received - '0/0'::pg_lsn)::bigint,
         CASE WHEN NOT writer THEN (received - '0/0'::pg_lsn)::bigint END, 0, feedback_xmin,
         (replayed - '0/0'::pg_lsn)::bigint, CASE WHEN NOT writer THEN replay_lag_ms END
  FROM aurora_global_servers() ORDER BY writer DESC, region, server_id;
END;

CREATE FUNCTION pg_catalog.aurora_replica_status(
  OUT server_id text, OUT session_id text, OUT durable_lsn bigint, OUT highest_lsn_rcvd bigint,
  OUT current_read_lsn bigint, OUT cur_replay_latency_in_usec bigint, OUT active_txns integer,
  OUT is_current boolean, OUT last_transport_error integer,
  OUT last_error_timestamp timestamptz, OUT last_update_timestamp timestamptz,
  OUT feedback_xmin bigint, OUT feedback_epoch integer, OUT replica_lag_in_msec double precision,
  OUT log_stream_speed_in_kib_per_second double precision, OUT log_buffer_sequence_number bigint,
  OUT oldest_read_view_trx_id bigint, OUT oldest_read_view_lsn bigint,
  OUT pending_read_ios integer, OUT read_ios bigint, OUT iops integer,
  OUT cpu double precision) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT server_id, CASE WHEN writer THEN 'MASTER_SESSION_ID' ELSE md5(server_id)::uuid::text END,
         (received - '0/0'::pg_lsn)::bigint,
         CASE WHEN NOT writer THEN (received - '0/0'::pg_lsn)::bigint END,
         (replayed - '0/0'::pg_lsn)::bigint, 1000 * replay_lag_ms, NULL::integer, true,
         NULL::integer, NULL::timestamptz, CASE WHEN NOT self THEN updated END, feedback_xmin, 0,
         CASE WHEN NOT writer THEN replay_lag_ms::double precision END, NULL::double precision,
         NULL::bigint, NULL::bigint, (replayed - '0/0'::pg_lsn)::bigint, NULL::integer,
         NULL::bigint, NULL::integer, NULL::double precision
  FROM aurora_global_servers() WHERE region = current_setting('aurora_global.region')
  ORDER BY writer DESC, server_id;
END;

-- ---- write forwarding

-- What this server has counted since its start; times are sums, in microseconds.
CREATE FUNCTION pg_catalog.aurora_global_forwarding_status(
  OUT writer_open_sessions bigint, OUT writer_total_sessions bigint, OUT writer_statements bigint,
  OUT replica_open_sessions bigint, OUT replica_total_sessions bigint, OUT replica_connect_us bigint,
  OUT replica_statements bigint, OUT replica_statement_us bigint, OUT replica_commits bigint,
  OUT replica_read_waits bigint, OUT replica_read_wait_us bigint, OUT replica_reads_forwarded bigint,
  OUT replica_sessions_limit_errors bigint) RETURNS record
LANGUAGE c STABLE AS 'aurora_global', 'aurora_global_forwarding_status';

-- For tests with aurora_global.reopen_every: boundaries at which the primary's side of a session was
-- opened again, and those at which it was not, by what the session holds there.
CREATE FUNCTION pg_catalog.aurora_global_reopened(
  OUT reopened bigint, OUT kept_temporary bigint, OUT kept_cursors bigint, OUT kept_locks bigint,
  OUT kept_sequences bigint, OUT kept_listening bigint) RETURNS record
LANGUAGE c STABLE AS 'aurora_global', 'aurora_global_reopened';

-- The position of the session's last write, for `SET aurora_global.consistency_token` in another
-- session: what that one reads has it. Null if the session has written nothing.
CREATE FUNCTION pg_catalog.aurora_global_consistency_token() RETURNS text
LANGUAGE c VOLATILE AS 'aurora_global', 'aurora_global_consistency_token';

-- ---- moving the primary; for superusers

-- Refuses every write from now on and returns the WAL position after which nothing is that a client
-- was told of. Sessions in the middle of a write get `drain_ms`, then they are terminated, or else
-- the call fails. After a failure the fence is up; again for the same epoch: the same position.
CREATE FUNCTION pg_catalog.aurora_global_fence(
  epoch bigint, drain_ms integer, terminate boolean DEFAULT true) RETURNS pg_lsn
LANGUAGE c VOLATILE STRICT AS 'aurora_global', 'aurora_global_fence';

CREATE FUNCTION pg_catalog.aurora_global_unfence(epoch bigint) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'aurora_global', 'aurora_global_unfence';

-- 0: this server is not fenced.
CREATE FUNCTION pg_catalog.aurora_global_fenced_epoch() RETURNS bigint
LANGUAGE c VOLATILE AS 'aurora_global', 'aurora_global_fenced_epoch';

-- Waits until this standby has replayed up to `lsn`; false: not within `wait_ms`.
CREATE FUNCTION pg_catalog.aurora_global_await_replay(lsn pg_lsn, wait_ms integer)
RETURNS boolean
LANGUAGE c VOLATILE STRICT AS 'aurora_global', 'aurora_global_await_replay';

-- What pg_promote() does; returns as soon as this server is out of recovery, false: not within
-- `wait_ms`.
CREATE FUNCTION pg_catalog.aurora_global_promote(wait_ms integer) RETURNS boolean
LANGUAGE c VOLATILE STRICT AS 'aurora_global', 'aurora_global_promote';

REVOKE ALL ON FUNCTION pg_catalog.aurora_global_fence(bigint, integer, boolean),
  pg_catalog.aurora_global_unfence(bigint), pg_catalog.aurora_global_await_replay(pg_lsn, integer),
  pg_catalog.aurora_global_promote(integer) FROM PUBLIC;

-- ---- what a session is made of

-- Each setting: whom it goes with by rule, and whom it would go with now.
CREATE FUNCTION pg_catalog.aurora_global_session_items(
  OUT name text, OUT rule text, OUT moves boolean, OUT forwards boolean, OUT starts boolean)
RETURNS SETOF record
LANGUAGE c STABLE AS 'aurora_global', 'aurora_global_session_items';

-- ---- the sessions that routers have opened here

CREATE FUNCTION pg_catalog.aurora_global_session_clients(
  OUT pid integer, OUT client_addr text, OUT client_port integer, OUT endpoint text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'aurora_global', 'aurora_global_session_clients';

-- pg_stat_activity has the router for their client.
SET allow_system_table_mods = on;
CREATE VIEW pg_catalog.aurora_global_sessions AS
  SELECT a.pid, a.usename, a.datname, a.application_name, c.client_addr::inet AS client_addr,
         c.client_port, c.endpoint
  FROM pg_catalog.aurora_global_session_clients() c
  JOIN pg_catalog.pg_stat_activity a ON a.pid = c.pid;
GRANT SELECT ON pg_catalog.aurora_global_sessions TO PUBLIC;

-- As if initdb had made it all: a dump has no trace of it. CREATE EXTENSION has seen to its own.
INSERT INTO pg_catalog.pg_init_privs(objoid, classoid, objsubid, privtype, initprivs)
  SELECT oid, 'pg_catalog.pg_class'::regclass, 0, 'i', relacl FROM pg_catalog.pg_class
  WHERE oid = 'pg_catalog.aurora_global_sessions'::regclass
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_init_privs i WHERE i.objoid = pg_class.oid)
  UNION ALL
  SELECT oid, 'pg_catalog.pg_proc'::regclass, 0, 'i', proacl FROM pg_catalog.pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace AND starts_with(proname, 'aurora')
    AND proacl IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_init_privs i WHERE i.objoid = pg_proc.oid);
RESET allow_system_table_mods;
