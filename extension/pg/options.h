// The configuration parameters (docs/reference/extension.md).
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

enum ConsistencyMode { mode_off, mode_eventual, mode_session, mode_global };

struct Options {
  // apg_write_forward.*, as Aurora has them.
  int consistency_mode = mode_session;
  int connect_timeout_s = 30;
  int idle_in_transaction_session_timeout_ms = 86'400'000;
  int idle_session_timeout_ms = 300'000;
  int max_forwarding_connections_percent = 25;

  // aurora_global.*
  bool write_forwarding = false;
  int epoch = 0;                   // Of the global cluster; 0: nobody counts them.
  int forwarded_epoch = 0;         // In a forwarded session: the standby's.
  char* primary_region = nullptr;  // What the status functions call the primary.
  char* primary_instance = nullptr;
  char* consistency_token = nullptr;
  char* primary_conninfo = nullptr;  // How to reach the primary; never with a user or a database.
  char* region = nullptr;
  char* instance = nullptr;
  int consistency_timeout_ms = 30'000;
  int link_timeout_ms = 10'000;
  int spare_connections = 2;
  int max_staleness_ms = 0;
  int reopen_every = 0;
  char* local_functions = nullptr;    // Volatile functions that run here.
  char* primary_functions = nullptr;  // C functions that run at the primary.
  char* clients_role = nullptr;       // New roles become members of it; empty: none.
  char* rds_extensions = nullptr;
  bool report_session_state = false;
  char* client = nullptr;          // In a session that a router has opened.
  char* forwarded_from = nullptr;  // In a forwarded session: the instance it comes from.
};

extern Options options;

// Defines them all. Once, when the library is loaded.
void define_options();

// This server is a standby that may forward, and the session wants it to.
bool forwarding_possible();

}  // namespace aurora_global::extension
