#include "sim/node.h"

namespace aurora_global::sim {
namespace {

constexpr const char* kRegions[] = {"us-east-1", "us-west-2", "eu-west-1", "ap-south-1",
                                    "sa-east-1"};

std::set<RegionId> peers_of(const region::RegionConfig& config) {
  std::set<RegionId> peers;
  for (const auto& peer : config.peers) peers.insert(peer.region);
  return peers;
}

}  // namespace

RegionId region_number(int index) { return RegionId{kRegions[index]}; }

region::RegionConfig config_of(int index, int regions) {
  region::RegionConfig config;
  config.region = region_number(index);
  config.index = index + 1;
  config.home = "/nonexistent/sim";
  config.account_id = kAccount;
  config.address_prefix = "127.0." + std::to_string(index + 1);
  config.global_writer = config.address_prefix + ".10:5432";
  config.cluster = config.address_prefix + ".11:5432";
  config.reader = config.address_prefix + ".12:5432";
  for (int i = 0; i < regions; ++i) {
    const std::string prefix = "127.0." + std::to_string(i + 1);
    if (i == index) continue;
    config.peers.push_back(
        {region_number(i), prefix + ".2:4566", prefix + ".21:5432", prefix + ".200:5432"});
  }
  return config;
}

Node::Node(Kernel& kernel, Machine& machine, Network& network, const region::RegionConfig& config,
           std::uint64_t seed)
    : loop(kernel, machine.clock),
      randomness(seed),
      store(kernel, machine.disk),
      vault(region::Vault::from_key(std::string(64, 'a')).value()),
      peers(network, loop, machine.region, peers_of(config)),
      router(kernel, machine),
      operators(loop.executor()) {
  region::Facts facts;
  facts.region = machine.region;
  facts.account_id = kAccount;
  facts.engine_version = "15.18";
  facts.global_writer_host = "127.0.0.10";
  region::MakeInstance make = [this, &kernel, &machine](std::string identifier, int slot) {
    return std::make_unique<SimInstance>(kernel, machine, loop.executor(), std::move(identifier),
                                         slot);
  };
  const ClockOfThread in_force(machine.clock);
  const auto keep_trees = [](std::filesystem::path) -> net::Task<Result<void>> { co_return ok(); };
  region::Outside outside{loop.executor(), machine.clock, randomness, store, vault, peers,
                          router,          make,          keep_trees, facts, {}};
  auto opened = region::Daemon::open(config, std::move(outside));
  if (opened.has_error()) {
    failure = opened.error().message;
    return;
  }
  core = std::move(*opened);
  const auto started = core->start();
  if (started.has_error()) failure = started.error().message;
}

Node::~Node() {
  store.crash();
  loop.kill();
  core.reset();
}

}  // namespace aurora_global::sim
