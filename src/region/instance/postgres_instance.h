// An instance that is a PostgreSQL on this machine: its files, its process, its SQL.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "net/process.h"
#include "pgclient/connection.h"
#include "region/config.h"
#include "region/instance/instance.h"
#include "region/postgres_files.h"

namespace aurora_global::region {

class PostgresInstance final : public Instance {
 public:
  PostgresInstance(boost::asio::any_io_executor executor, const RegionConfig& config,
                   net::SystemUser user, std::string identifier, int slot);

  std::string address() const override;
  std::filesystem::path socket_dir() const override;
  bool has_data() const override;
  bool is_standby_directory() const override;
  bool running() override;
  net::Task<Result<void>> init(Bootstrap bootstrap, Deadline deadline) override;
  net::Task<Result<void>> seed(WalSource source, Deadline deadline) override;
  net::Task<Result<void>> start(std::optional<WalSource> source, Deadline deadline) override;
  net::Task<Result<void>> stop(StopMode mode, Deadline deadline) override;
  net::Task<Result<void>> follow(WalSource source, Deadline deadline) override;
  const Forwarding& forwarding() const override { return forwarding_; }
  net::Task<Result<void>> set_forwarding(Forwarding forwarding, Deadline deadline) override;
  net::Task<Result<void>> warm(Deadline deadline) override;
  net::Task<Result<std::optional<Lsn>>> fence(Epoch epoch, model::DrainPolicy policy,
                                              Deadline deadline) override;
  net::Task<Result<void>> unfence(Deadline deadline) override;
  net::Task<Result<void>> await_replay(Lsn position, Deadline deadline) override;
  net::Task<Result<void>> promote(Epoch epoch, std::string region, Deadline deadline) override;
  net::Task<Result<std::string>> rewind(WalSource source, Deadline deadline) override;
  net::Task<Result<std::filesystem::path>> set_aside(std::string why) override;
  net::Task<Result<void>> remove_files() override;
  net::Task<Result<void>> take_volume(std::filesystem::path volume) override;
  net::Task<Result<void>> leave_volume(std::filesystem::path volume) override;
  net::Task<Result<Lsn>> end_of_clean_shutdown() override;
  net::Task<Result<std::uint32_t>> last_timeline() override;
  net::Task<Result<Lsn>> fork_of(std::uint32_t timeline) override;
  net::Task<Result<bool>> wal_goes_past(std::uint32_t timeline, Lsn lsn) override;
  net::Task<Result<InstanceState>> state(Deadline deadline) override;
  net::Task<Result<void>> checkpoint(Deadline deadline) override;
  net::Task<Result<void>> keep_slots(std::vector<std::string> names, Deadline deadline) override;
  net::Task<Result<void>> set_password(std::string role, std::string verifier,
                                       Deadline deadline) override;

 private:
  // A connection that is kept, and opened again when it has broken. One statement at a time.
  struct Kept {
    explicit Kept(boost::asio::any_io_executor executor) : lock(std::move(executor)) {}
    net::AsyncMutex lock;
    std::optional<pgclient::Connection> connection;
  };

  net::CommandLine command(std::string program, std::vector<std::string> arguments) const;
  PostgresSettings settings(std::optional<WalSource> source) const;
  Result<void> mark_complete();
  Result<void> prepare_directories();
  Result<void> install_extension();
  net::Task<Result<void>> create_extension(Deadline deadline);
  // Without the extension nothing is loaded.
  std::filesystem::path library_dir() const;
  Result<void> write_configuration(const std::optional<WalSource>& source);
  net::Task<Result<void>> wait_until_it_answers(Deadline deadline);
  net::Task<Result<void>> bootstrap_sql(Bootstrap bootstrap, Deadline deadline);
  net::Task<Result<pgclient::Connection>> connect(std::string database, Deadline deadline);
  std::string startup_log_tail() const;
  net::Task<Result<pgclient::Rows>> sql_on(Kept& kept, std::string text,
                                           std::vector<pgclient::Param> params, Deadline deadline);
  // One statement on the kept local connection, as rdsadmin in database rdsadmin.
  net::Task<Result<pgclient::Rows>> sql(std::string text, std::vector<pgclient::Param> params,
                                        Deadline deadline);
  net::Task<Result<void>> open_for_writing(Deadline deadline);
  void forget_connections();

  boost::asio::any_io_executor executor_;
  const RegionConfig& config_;
  net::SystemUser user_;
  std::filesystem::path directory_;
  std::filesystem::path data_dir_;
  Kept questions_;
  Kept moves_;  // A move does not wait for an answer about the server's state.
  std::optional<net::Process> postmaster_;
  std::optional<WalSource> source_;  // As last written to the configuration.
  Forwarding forwarding_;
  bool counts_forwarding_ = true;  // Until the running server says that it does not.
};

}  // namespace aurora_global::region
