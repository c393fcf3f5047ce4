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
             "(SELECT timeline_id FROM pg_control_checkpoint()), "
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

const char* blockers_sql() {
  return "WITH startup AS (SELECT pid, wait_event FROM pg_stat_activity WHERE backend_type = "
         "'startup') "
         "SELECT a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), "
         "coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, 0), "
         "coalesce((SELECT string_agg(DISTINCT l.relation::regclass::text, ', ') FROM pg_locks l "
         "WHERE l.pid = s.pid AND NOT l.granted AND l.relation IS NOT NULL), '') "
         "FROM startup s, pg_stat_activity a WHERE a.backend_type = 'client backend' AND "
         "(a.pid = ANY (pg_blocking_pids(s.pid)) OR "
         "(s.wait_event LIKE 'RecoveryConflict%' AND a.backend_xmin IS NOT NULL "
         "AND a.usename IS DISTINCT FROM 'rdsadmin'))";
}

}  // namespace aurora_global::region
