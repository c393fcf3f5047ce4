// PostgreSQL's headers, once, in the order C++ needs.
//
// The rule of this folder: ereport(ERROR) is a longjmp that skips destructors. So a function that
// calls PostgreSQL holds no object with a destructor across that call: what lives longer stands in
// a heap object that outlives the call, what is short-lived is passed straight into a function of
// core/. A C++ exception ends at contained().
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

extern "C" {
#include "postgres.h"
// What postgres.h does not bring itself.
#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "commands/prepare.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/libpq-be.h"
#include "libpq/libpq.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))

namespace aurora_global::extension {

// Runs C++ that may throw (bad_alloc) and calls nothing of PostgreSQL.
template <typename Body>
auto contained(const Body& body) {
  char what[128];
  try {
    return body();
  } catch (const std::exception& e) {
    strlcpy(what, e.what(), sizeof what);
  }
  elog(ERROR, "aurora_global: %s", what);
  pg_unreachable();
}

}  // namespace aurora_global::extension
