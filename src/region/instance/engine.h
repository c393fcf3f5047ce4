// What this platform asks of a running PostgreSQL: SQL, and the one place that knows what a server
// without the extension does instead.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "net/mutex.h"
#include "pgclient/connection.h"
#include "region/instance/instance.h"
#include "region/instance/primary_settings.h"

namespace aurora_global::region {

class Engine {
 public:
  Engine(boost::asio::any_io_executor executor, std::filesystem::path socket_dir)
      : socket_dir_(std::move(socket_dir)), questions_(executor), moves_(executor) {}

  // Another server answers at the socket from now on.
  void started_anew();
  void forget_connections();

  // Succeeds when it accepts connections.
  net::Task<Result<void>> answers(Deadline deadline);
  net::Task<Result<void>> bootstrap(Bootstrap bootstrap, std::string extension, Deadline deadline);
  net::Task<Result<void>> reload(Deadline deadline);
  // Whether the configuration file has another value for one of these settings than the server can
  // take while it runs.
  net::Task<Result<bool>> any_waits_for_start(std::vector<std::string> names, Deadline deadline);

  // As those of Instance.
  net::Task<Result<void>> keep_rights(Deadline deadline);
  net::Task<Result<void>> warm(Deadline deadline);
  net::Task<Result<std::optional<Lsn>>> fence(Epoch epoch, model::DrainPolicy policy,
                                              Deadline deadline);
  net::Task<Result<void>> unfence(Deadline deadline);
  net::Task<Result<void>> await_replay(Lsn position, Deadline deadline);
  net::Task<Result<void>> promote(Epoch epoch, std::string region, Deadline deadline);
  net::Task<Result<InstanceState>> state(Deadline deadline);
  net::Task<Result<void>> checkpoint(Deadline deadline);
  net::Task<Result<void>> keep_slots(std::vector<std::string> names, Deadline deadline);
  net::Task<Result<void>> set_password(std::string role, std::string verifier, Deadline deadline);
  net::Task<Result<int>> clear_the_way_of_replay(Deadline deadline);
  net::Task<Result<std::string>> what_blocks_replay(Deadline deadline);
  net::Task<Result<std::vector<std::string>>> settings_below(PrimarySettings primary,
                                                             Deadline deadline);
  net::Task<Result<std::vector<std::string>>> unlogged_tables(Deadline deadline);

 private:
  // A connection that is kept, and opened again when it has broken. One statement at a time.
  struct Kept {
    explicit Kept(boost::asio::any_io_executor executor) : lock(std::move(executor)) {}
    net::AsyncMutex lock;
    std::shared_ptr<pgclient::Connection> connection;
  };
  static constexpr std::size_t kNamedMax = Instance::kNamedMax;

  net::Task<Result<pgclient::Rows>> sql_on(Kept& kept, std::string text,
                                           std::vector<pgclient::Param> params, Deadline deadline);
  // One statement on the kept local connection, as rdsadmin in database rdsadmin.
  net::Task<Result<pgclient::Rows>> sql(std::string text, std::vector<pgclient::Param> params,
                                        Deadline deadline);
  net::Task<Result<pgclient::Connection>> connect(std::string database, Deadline deadline);
  net::Task<Result<void>> create_extension(std::string script, Deadline deadline);
  net::Task<Result<void>> open_for_writing(Deadline deadline);
  std::int64_t lag_of(const pgclient::Rows& rows, bool in_recovery);

  std::filesystem::path socket_dir_;
  Kept questions_;
  Kept moves_;                      // A move does not wait for an answer about the server's state.
  std::optional<Instant> in_sync_;  // When it last had all that its source said it had.
  bool counts_forwarding_ = true;   // Until the running server says that it does not.
  bool rights_kept_ = false;
};

}  // namespace aurora_global::region
