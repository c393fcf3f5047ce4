// Secrets: sealed on disk, the same in every region, the newest version wins. Keys are regional, so
// each region seals its copy with a key of its own. And the passwords that secrets hold.
#pragma once

#include "region/key_ring.h"
#include "region/peers/gossip.h"
#include "region/vault.h"

namespace aurora_global::region {

// A secret as it lies on disk.
struct SealedSecret {
  std::uint64_t version = 0;
  std::string about;   // By the vault.
  std::string values;  // By a key of the ring, in base64.
  std::map<std::string, std::string> keys;
};

class SecretKeeper final : public Secrets {
 public:
  SecretKeeper(Core& core, Truth& truth, Store& store, const Vault& vault, KeyRing& keys,
               Gossip& gossip)
      : core_(core), truth_(truth), store_(store), vault_(vault), keys_(keys), gossip_(gossip) {}

  Result<void> load(const std::vector<Store::Document>& documents);
  void serve(PeerServer& server);
  // Keys are rotated and destroyed when they are due.
  void start();

  std::vector<std::string> secret_names() const override;
  Result<std::string> about_secret(const std::string& name) const override;
  Result<std::string> secret_values(const std::string& name) const override;
  net::Task<Result<void>> put_secret(std::string name, Secret secret) override;
  net::Task<Result<void>> change_password(std::string role, std::string password) override;

  std::map<std::string, std::uint64_t> versions() const;
  // Asks for those of which `from` has a newer version.
  net::Task<void> learn(RegionId from, std::map<std::string, std::uint64_t> versions);
  net::Task<Result<void>> set_password(std::string role, std::string verifier);

 private:
  net::Task<void> keep_keys();
  Result<const SealedSecret*> sealed(const std::string& name) const;
  net::Task<Result<void>> keep(std::string name, std::uint64_t version, Secret secret);
  net::Task<void> learn_one(RegionId from, std::string name, std::uint64_t version);
  Result<messages::SecretCopy> copy_of(const std::string& name) const;

  Core& core_;
  Truth& truth_;
  Store& store_;
  const Vault& vault_;
  KeyRing& keys_;
  Gossip& gossip_;
  std::map<std::string, SealedSecret> secrets_;
  std::map<std::string, std::uint64_t> refused_;  // Versions this region could not seal.
};

}  // namespace aurora_global::region
