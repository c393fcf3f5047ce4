// A PostgreSQL client that tells a test every word it hears.
//
// One thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/task.h"
#include "pgwire/message.h"
#include "router/channel.h"

namespace aurora_global::router::testing {

// What one ReadyForQuery has ended, or the end of the connection, or nothing in time.
struct Outcome {
  std::vector<pgwire::Row> rows;
  std::string sqlstate;  // Of the first error; empty: none.
  std::string message;
  std::string hint;
  std::string types;  // Of the messages, in order.
  std::vector<std::uint32_t> parameter_types;
  char status = 0;  // 0: there was no ReadyForQuery.
  bool closed = false;
  bool good() const { return status != 0 && sqlstate.empty(); }
  // The first column of the only row.
  std::string value() const {
    return rows.size() == 1 && rows[0].size() == 1 ? rows[0][0].value_or("NULL") : "?";
  }
};

class FakeClient {
 public:
  using Parameters = std::map<std::string, std::string>;

  static net::Task<Result<std::unique_ptr<FakeClient>>> connect(std::string address);

  // The start-up packet, and the password if it is asked for.
  net::Task<Outcome> log_in(Parameters parameters, std::string password);
  net::Task<Outcome> query(std::string sql);
  // The value that a query answers, or the SQLSTATE.
  net::Task<std::string> ask(std::string sql);
  // Parse of the unnamed or a named statement, with its Sync.
  net::Task<Outcome> prepare(std::string name, std::string sql,
                             std::vector<std::uint32_t> types = {});
  // Bind and Execute of a prepared statement, with their Sync.
  net::Task<Outcome> run(std::string name, pgwire::Row parameters = {});
  // Describe of a prepared statement, with its Sync.
  net::Task<Outcome> describe(std::string name);

  // Returns false when the connection takes no more.
  net::Task<bool> send(pgwire::Bytes bytes);
  net::Task<bool> send_query(std::string sql);
  net::Task<Outcome> hear(Duration limit = std::chrono::seconds(20));
  // Whatever comes within `limit` (nothing, if all is as it should be) is kept for hear().
  net::Task<bool> hears_nothing(Duration limit);

  pgwire::BackendKey key() const { return key_; }
  const Parameters& parameters() const { return parameters_; }
  Channel& channel() { return channel_; }
  void close() { channel_.close(); }

 private:
  explicit FakeClient(Channel channel) : channel_(std::move(channel)) {}
  // Returns whether the outcome is complete.
  net::Task<bool> take(pgwire::Piece piece, Outcome& outcome);
  net::Task<bool> authenticate(pgwire::Authentication authentication);

  Channel channel_;
  pgwire::Bytes received_;
  std::string password_;
  struct Scram;
  std::shared_ptr<Scram> scram_;
  pgwire::BackendKey key_;
  Parameters parameters_;
};

}  // namespace aurora_global::router::testing
