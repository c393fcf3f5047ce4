#include "region/keeper/sources.h"

#include "base/host_port.h"

namespace aurora_global::region {
namespace {

constexpr const char* kPort = "5432";

}  // namespace

std::optional<WalSource> source_of_head(const Core& core, const Instance& head) {
  const model::GlobalCluster* global = core.truth.own_global();
  const PeerConfig* peer = global == nullptr ? nullptr : core.config.peer(global->writer_region);
  if (peer == nullptr) return std::nullopt;
  const HostPort at = split_host_port(peer->postgres);
  const auto tls = core.config.home / "postgres-tls";
  WalSource source;
  source.upstream = global->writer_region;
  source.conninfo = conninfo({{"host", at.host},
                              {"port", at.port},
                              {"user", "rdsrepladmin"},
                              {"sslmode", "verify-ca"},
                              {"sslrootcert", (tls / "server-ca.crt").string()},
                              {"sslcert", (tls / "replication.crt").string()},
                              {"sslkey", (tls / "replication.key").string()},
                              {"application_name", core.here().name + "/" + head.identifier()},
                              {"connect_timeout", "5"}});
  source.slot = slot_of(core.here());
  return source;
}

WalSource source_of_reader(const Core& core, const Instance& head, const Instance& reader) {
  WalSource source;
  source.upstream = core.here();
  source.conninfo = conninfo({{"host", head.socket_dir().string()},
                              {"port", kPort},
                              {"user", "rdsrepladmin"},
                              {"application_name", core.here().name + "/" + reader.identifier()}});
  source.slot = slot_of_reader(reader.slot());
  return source;
}

Forwarding forwarding_of(const Core& core, const Instance& instance) {
  const model::GlobalCluster* global = core.truth.own_global();
  const model::DbCluster* cluster = core.truth.cluster();
  const PeerConfig* peer = global == nullptr ? nullptr : core.config.peer(global->writer_region);
  const auto head = core.head();
  Forwarding forwarding;
  if (cluster == nullptr || head == nullptr) return forwarding;
  if (global != nullptr) forwarding.epoch = global->epoch;
  if (peer == nullptr) {
    if (instance.slot() == Instances::kHeadSlot) return forwarding;
    forwarding.primary_region = core.here().name;
    forwarding.primary_instance = head->identifier();
    forwarding.on = cluster->local_write_forwarding;
    forwarding.conninfo = conninfo({{"host", head->socket_dir().string()}, {"port", kPort}});
    return forwarding;
  }
  const HostPort at = split_host_port(peer->forwarding);
  const auto tls = core.config.home / "postgres-tls";
  forwarding.on = cluster->global_write_forwarding;
  forwarding.primary_region = global->writer_region.name;
  forwarding.conninfo = conninfo({{"host", at.host},
                                  {"port", at.port},
                                  {"sslmode", "verify-ca"},
                                  {"sslrootcert", (tls / "server-ca.crt").string()},
                                  {"sslcert", (tls / "forwarding.crt").string()},
                                  {"sslkey", (tls / "forwarding.key").string()}});
  return forwarding;
}

std::vector<std::string> slots_at_head(const Core& core) {
  std::vector<std::string> wanted;
  const model::GlobalCluster* global = core.truth.own_global();
  if (global != nullptr && global->writer_region == core.here()) {
    for (const auto& member : global->members) {
      if (member.region != core.here()) wanted.push_back(slot_of(member.region));
    }
  }
  for (const auto& [identifier, one] : core.instances.all()) {
    const int slot = one.instance->slot();
    if (slot != Instances::kHeadSlot) wanted.push_back(slot_of_reader(slot));
  }
  return wanted;
}

}  // namespace aurora_global::region
