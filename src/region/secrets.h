// What ties the secrets (secret_book) and the keys (key_ring) to this region: its peers, its
// server, and the tasks that keep them.
#pragma once

#include "region/peers/gossip.h"
#include "region/secret_book.h"

namespace aurora_global::region {

class SecretKeeper final : public Secrets, private SecretBookOutside {
 public:
  SecretKeeper(Core& core, Truth& truth, Store& store, const Vault& vault, KeyRing& keys,
               Gossip& gossip);

  Result<void> load(const std::vector<Store::Document>& documents);
  void serve(PeerServer& server);
  // Keys are rotated and destroyed when they are due; what was cut off of a password's change is
  // finished.
  void start();

  std::vector<std::string> secret_names() const override;
  Result<std::string> about_secret(const std::string& name) const override;
  Result<std::string> secret_values(const std::string& name) const override;
  net::Task<Result<void>> update_secret(std::string name, SecretEdit edit) override;
  net::Task<Result<void>> update_about_secret(std::string name, SecretEdit edit) override;
  net::Task<Result<void>> rotate_secret(std::string name, std::string version_id) override;

  nlohmann::json clocks() const { return book_.clocks(); }
  net::Task<void> learn(RegionId from, nlohmann::json clocks);
  // For RDS, in the writer's region, wherever that is; it is no secret's any more.
  net::Task<Result<void>> set_password(std::string role, std::string verifier);
  net::Task<Result<void>> forget_password_of(std::string role) {
    return book_.forget_password_of(std::move(role));
  }

 private:
  RegionId deciding_region() const override;
  std::optional<std::uint64_t> writing_epoch() const override;
  net::Task<Result<void>> set_role_verifier(std::string role, std::string verifier) override;
  net::Task<Result<nlohmann::json>> ask_region(RegionId region, std::string what,
                                               nlohmann::json question, Deadline deadline) override;
  net::Task<void> tell_all() override;
  net::Task<void> keep_keys();
  net::Task<void> keep_passwords();
  bool writes_here() const;

  Core& core_;
  Truth& truth_;
  KeyRing& keys_;
  Gossip& gossip_;
  SecretBook book_;
};

}  // namespace aurora_global::region
