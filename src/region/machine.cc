#include "region/machine.h"

#include "base/host_port.h"
#include "net/run_blocking.h"
#include "region/control_router.h"
#include "region/instance/postgres_instance.h"
#include "region/peers/http_peers.h"
#include "region/sqlite_store.h"

namespace aurora_global::region {

Result<std::unique_ptr<Machine>> Machine::open(boost::asio::any_io_executor executor,
                                               const RegionConfig& config) {
  std::unique_ptr<Machine> machine(new Machine(executor));
  TRY(machine->access_keys_, load_credentials(config.credentials_file));
  TRY(auto user, postgres_user());
  TRY(machine->store_, SqliteStore::open(config.home / "state.sqlite"));
  TRY(auto vault, Vault::open(config.home / "root.key"));
  machine->vault_ = std::make_unique<Vault>(std::move(vault));
  machine->facts_.region = config.region;
  machine->facts_.account_id = config.account_id;
  machine->facts_.regions = {config.region};
  for (const PeerConfig& peer : config.peers) machine->facts_.regions.push_back(peer.region);
  machine->facts_.global_writer_host = split_host_port(config.global_writer).host;
  if (!config.localhost_address.empty()) {
    machine->facts_.url_suffix = "localhost:" + split_host_port(config.localhost_address).port;
  }
  TRY(machine->facts_.engine_version, postgres_version(config.postgres_bin));
  TRY(machine->peers_, HttpPeers::open(executor, config));
  machine->router_ = std::make_unique<ControlRouter>(executor, config.run_dir() / "router.sock",
                                                     config.home / "topology.json");
  machine->make_instance_ = [executor, &config, user](std::string identifier, int slot) {
    return std::make_unique<PostgresInstance>(executor, config, user, std::move(identifier), slot);
  };
  return machine;
}

namespace {

net::Task<Result<void>> remove_tree(std::filesystem::path directory) {
  const auto job = [directory]() -> Result<void> {
    std::error_code error;
    std::filesystem::remove_all(directory, error);
    if (!error) return ok();
    return make_error(ErrorKind::unavailable,
                      "remove " + directory.string() + ": " + error.message());
  };
  co_return co_await net::run_blocking(job);
}

}  // namespace

Outside Machine::outside() {
  return Outside{executor_, clock_,         randomness_, *store_, *vault_,     *peers_,
                 *router_,  make_instance_, remove_tree, facts_,  access_keys_};
}

}  // namespace aurora_global::region
