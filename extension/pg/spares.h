// Sessions at the primary that are opened before anybody needs them.
//
// Opening one takes four round trips (TCP, SSLRequest, TLS, start-up), which the first forwarded
// write of a session would wait for. A background worker of the standby keeps a few open for each
// set of connection parameters that sessions here use, and passes the bytes of whoever takes one: a
// TLS connection cannot change its process. On a link so short that opening one takes no time,
// sessions open their own.
#pragma once

#include <sys/socket.h>

#include "pg/pg.h"

namespace aurora_global::extension {

// What libpq is called with: names and values, each ended by a zero byte.
using ConnectionKey = std::string;

// Tells the worker that this session may need a connection. Never waits.
void announce(const ConnectionKey& key);

struct Spare {
  int socket = -1;
  sockaddr_storage primary = {};  // Where a cancel request goes.
  socklen_t primary_size = 0;
  int pid = 0;  // Of the session at the primary.
  char cancel_key[16] = {};
  char position[128] = {};  // What the primary said of itself when the session began.
};

// Takes an open connection; `socket` is -1 if there is none, which is known at once.
Spare take_spare(const ConnectionKey& key);

// The background worker. Once, when the library is loaded.
void install_spares();

}  // namespace aurora_global::extension
