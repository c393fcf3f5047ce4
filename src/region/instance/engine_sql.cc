#include "region/instance/engine_sql.h"

namespace aurora_global::region {

std::string literal_sql(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

std::string identifier_sql(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + "\"";
}

// Creates the roles of a fresh cluster, as Aurora has them.
std::string roles_sql(const Bootstrap& bootstrap) {
  const std::string master = identifier_sql(bootstrap.master_username);
  return "CREATE ROLE rds_superuser NOLOGIN;"
         "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;"
         "CREATE ROLE rdsrepladmin LOGIN REPLICATION;"
         "CREATE ROLE aurora_clients NOLOGIN;"
         "CREATE ROLE " +
         master + " LOGIN CREATEDB CREATEROLE PASSWORD " + literal_sql(bootstrap.master_verifier) +
         " IN ROLE rds_superuser, aurora_clients;";
}

std::string state_sql(bool with_forwarding) {
  return std::string(
             "SELECT r, "
             "CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, "
             "coalesce(pg_last_wal_receive_lsn(), '0/0'), "
             "EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'), "
             // The control file names a new one only after a checkpoint.
             "CASE WHEN r THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), "
             "(SELECT greatest(c.timeline_id, m.min_recovery_end_timeline) "
             "FROM pg_control_checkpoint() c, pg_control_recovery() m)) "
             "ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END, "
             "r AND pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn(), "
             "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
             "AND usename <> 'rdsadmin'), ") +
         (with_forwarding ? "(SELECT row_to_json(f) FROM aurora_global_forwarding_status() f) "
                          : "'{}' ") +
         (with_forwarding ? ", aurora_global_fenced_epoch() " : ", 0 ") +
         ", (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)"
         "::bigint, "
         "(SELECT (extract(epoch FROM clock_timestamp() - last_msg_receipt_time) * 1000)::bigint "
         "FROM pg_stat_wal_receiver WHERE status = 'streaming'), "
         "CASE WHEN r THEN pg_is_wal_replay_paused() ELSE false END "
         "FROM pg_is_in_recovery() r";
}

// The startup process is no backend to pg_blocking_pids(): what it waits for is in pg_locks.
const char* blockers_sql() {
  return "WITH startup AS (SELECT pid, wait_event FROM pg_stat_activity "
         "WHERE backend_type = 'startup'), "
         "waits AS (SELECT l.* FROM pg_locks l JOIN startup s USING (pid) WHERE NOT l.granted) "
         "SELECT a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), "
         "coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, 0), "
         "coalesce((SELECT string_agg(format('relation %s of database %s', w.relation, d.datname), "
         "', ') FROM waits w JOIN pg_database d ON d.oid = w.database), '') "
         "FROM startup s, pg_stat_activity a WHERE a.backend_type = 'client backend' AND "
         "(a.pid IN (SELECT h.pid FROM waits w JOIN pg_locks h ON h.granted "
         "AND h.locktype = w.locktype AND h.database IS NOT DISTINCT FROM w.database "
         "AND h.relation IS NOT DISTINCT FROM w.relation) OR "
         "(s.wait_event LIKE 'RecoveryConflict%' AND a.backend_xmin IS NOT NULL "
         "AND a.usename IS DISTINCT FROM 'rdsadmin'))";
}

}  // namespace aurora_global::region
