// An instance that is a PostgreSQL on this machine: its files (data_directory), its process
// (postmaster) and its SQL (engine), put together.
#pragma once

#include "region/instance/data_directory.h"
#include "region/instance/engine.h"
#include "region/instance/instance.h"
#include "region/instance/postmaster.h"

namespace aurora_global::region {

class PostgresInstance final : public Instance {
 public:
  PostgresInstance(boost::asio::any_io_executor executor, const RegionConfig& config,
                   net::SystemUser user, std::string identifier, int slot);

  std::string address() const override { return files_.address(); }
  std::filesystem::path socket_dir() const override { return files_.socket_dir(); }
  bool has_data() const override { return files_.has_data(); }
  bool can_follow() const override { return files_.can_follow(); }
  bool is_standby_directory() const override { return files_.is_standby(); }
  bool running() override { return postmaster_.running(); }
  std::string startup_progress() const override { return title_of_startup(files_.data()); }
  const Forwarding& forwarding() const override { return forwarding_; }

  net::Task<Result<void>> init(Bootstrap bootstrap, Deadline deadline) override;
  net::Task<Result<void>> seed(WalSource source, Deadline deadline) override;
  net::Task<Result<void>> start(std::optional<WalSource> source, Deadline deadline) override;
  net::Task<Result<void>> stop(StopMode mode, Deadline deadline) override;
  net::Task<Result<void>> follow(WalSource source, Deadline deadline) override;
  net::Task<Result<void>> set_forwarding(Forwarding forwarding, Deadline deadline) override;
  net::Task<Result<void>> set_parameters(Parameters parameters, Deadline deadline) override;
  bool restart_pending() const override { return restart_pending_; }
  net::Task<Result<std::string>> rewind(WalSource source, Deadline deadline) override;
  net::Task<Result<void>> promote(Epoch epoch, std::string region, Deadline deadline) override;

  net::Task<Result<void>> warm(Deadline deadline) override { return engine_.warm(deadline); }
  net::Task<Result<std::optional<Lsn>>> fence(Epoch epoch, model::DrainPolicy policy,
                                              Deadline deadline) override {
    return engine_.fence(epoch, policy, deadline);
  }
  net::Task<Result<void>> unfence(Deadline deadline) override { return engine_.unfence(deadline); }
  net::Task<Result<void>> await_replay(Lsn position, Deadline deadline) override {
    return engine_.await_replay(position, deadline);
  }
  net::Task<Result<InstanceState>> state(Deadline deadline) override;
  net::Task<Result<int>> clear_the_way_of_replay(Deadline deadline) override {
    return engine_.clear_the_way_of_replay(deadline);
  }
  net::Task<Result<std::string>> what_blocks_replay(Deadline deadline) override {
    return engine_.what_blocks_replay(deadline);
  }
  net::Task<Result<std::vector<std::string>>> settings_below_primary(Deadline deadline) override;
  net::Task<Result<std::vector<std::string>>> unlogged_tables(Deadline deadline) override {
    return engine_.unlogged_tables(deadline);
  }
  net::Task<Result<void>> checkpoint(Deadline deadline) override {
    return engine_.checkpoint(deadline);
  }
  net::Task<Result<void>> keep_rights(Deadline deadline) override {
    return engine_.keep_rights(deadline);
  }
  net::Task<Result<void>> keep_slots(std::vector<std::string> names, Deadline deadline) override {
    return engine_.keep_slots(std::move(names), deadline);
  }
  net::Task<Result<void>> set_password(std::string role, std::string verifier,
                                       Deadline deadline) override {
    return engine_.set_password(std::move(role), std::move(verifier), deadline);
  }

  net::Task<Result<std::filesystem::path>> set_aside(std::string why) override {
    return files_.set_aside(std::move(why));
  }
  net::Task<Result<std::filesystem::path>> keep_wal(std::uint32_t timeline, Lsn fork) override {
    return files_.keep_wal(timeline, fork);
  }
  net::Task<Result<std::optional<LostWrites>>> keep_lost(LostFrom from, Deadline deadline) override;
  std::vector<std::filesystem::path> kept() const override { return files_.kept(); }
  net::Task<Result<void>> remove_files() override { return files_.remove(); }
  net::Task<Result<bool>> take_volume(std::filesystem::path volume) override {
    return files_.take_volume(std::move(volume));
  }
  net::Task<Result<void>> leave_volume(std::filesystem::path volume) override {
    return files_.leave_volume(std::move(volume));
  }
  net::Task<Result<Lsn>> end_of_clean_shutdown() override;
  net::Task<Result<std::uint32_t>> last_timeline() override;
  net::Task<Result<Lsn>> fork_of(std::uint32_t timeline) override;
  net::Task<Result<bool>> wal_goes_past(std::uint32_t timeline, Lsn lsn) override;
  net::Task<Result<bool>> drop_idle_wal(std::uint32_t timeline, Lsn from,
                                        Deadline deadline) override;

 private:
  net::Task<Result<void>> wait_until_it_answers(Deadline deadline);
  net::Task<Result<void>> recover_from_crash(Deadline deadline);
  net::Task<Result<std::optional<LostWrites>>> read_lost(LostFrom from, bool has_logical_wal,
                                                         std::filesystem::path fresh,
                                                         Deadline deadline);
  Result<void> configure(const std::optional<WalSource>& source);

  DataDirectory files_;
  Postmaster postmaster_;
  Engine engine_;
  std::optional<WalSource> source_;  // As last written to the configuration.
  Forwarding forwarding_;
  Parameters parameters_;
  bool restart_pending_ = false;
  int looks_left_ = 0;  // At what waits for a start, since the configuration changed.
};

}  // namespace aurora_global::region
