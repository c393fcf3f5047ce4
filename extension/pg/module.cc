// What PostgreSQL loads: shared_preload_libraries = 'aurora_global', on every server.
#include "pg/block.h"
#include "pg/carry.h"
#include "pg/consistency.h"
#include "pg/counters.h"
#include "pg/fence.h"
#include "pg/hooks.h"
#include "pg/isolation.h"
#include "pg/options.h"
#include "pg/primary.h"
#include "pg/relay.h"
#include "pg/routed.h"
#include "pg/session_report.h"
#include "pg/spares.h"
#include "pg/unused_sessions.h"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init() {
  using namespace aurora_global::extension;
  if (!process_shared_preload_libraries_in_progress) {
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("aurora_global must be loaded by shared_preload_libraries"));
  }
  define_options();
  install_isolation();
  install_carry();
  install_consistency();
  install_counters();
  install_fence();
  install_routed();
  install_session_report();
  install_primary();
  install_block();
  install_relay();
  install_hooks();
  install_spares();
  install_unused_sessions();
}
}
