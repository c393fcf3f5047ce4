// The region's secrets: sealed on disk, the same in every region.
//
// Keys are regional, so each region seals its copy with a key of its own. Every region may change a
// secret; a clock with a count for each region tells whether one copy was made in knowledge of the
// other. If so, the later one is taken; if not, the region of the writer merges the two, and the
// others take what it made. A password is changed by the writer's region alone, which says which
// version is AWSCURRENT in the same breath.
#pragma once

#include <functional>
#include <optional>
#include <set>

#include "net/mutex.h"
#include "region/key_ring.h"
#include "region/region.h"
#include "region/secret_document.h"
#include "region/store.h"
#include "region/vault.h"

namespace aurora_global::region {

// What secrets need of their region.
class SecretBookOutside {
 public:
  virtual ~SecretBookOutside() = default;
  // Whose copy decides: the writer's region of the global cluster; without one, one that all name.
  virtual RegionId deciding_region() const = 0;
  // The epoch in which this region's own server takes writes now; nullopt: it does not.
  virtual std::optional<std::uint64_t> writing_epoch() const = 0;
  // Sets a user's SCRAM verifier in this region's own server.
  virtual net::Task<Result<void>> set_role_verifier(std::string role, std::string verifier) = 0;
  virtual net::Task<Result<nlohmann::json>> ask_region(RegionId region, std::string what,
                                                       nlohmann::json question,
                                                       Deadline deadline) = 0;
  // The other regions should hear of a change soon.
  virtual net::Task<void> tell_all() = 0;
};

class SecretBook {
 public:
  using Json = nlohmann::json;
  static constexpr std::size_t kSecretsMax = 500;
  static constexpr std::string_view kDocument = "secret:";

  // All references outlive the object.
  SecretBook(boost::asio::any_io_executor executor, RegionId region, Store& store,
             const Vault& vault, KeyRing& keys, const Clock& clock, SecretBookOutside& outside);
  Result<void> load(const Store::Document& document);

  std::vector<std::string> names() const;
  Result<std::string> about(const std::string& name) const;
  Result<std::string> values(const std::string& name) const;
  net::Task<Result<void>> update(std::string name, SecretEdit edit);
  // `edit` sees no values; they stay sealed as they are.
  net::Task<Result<void>> update_about(std::string name, SecretEdit edit);
  net::Task<Result<void>> rotate(std::string name, std::string version_id);
  // Sets a user's password for RDS, so that it is no secret's any more: none will be set again.
  // What fails changes no secret; where it is not known whether it was set, settle() sets the
  // secret's.
  net::Task<Result<void>> set_for_rds(std::string user, std::string verifier);
  // The user's password is no secret's any more.
  net::Task<Result<void>> forget_password_of(std::string user);
  // Finishes what was cut off: a password whose change was not answered for, a change of the
  // writer. Asked for again and again by the region.
  net::Task<void> settle();

  // What the others are told: name -> clock; and what they say of it.
  Json clocks() const;
  net::Task<void> learn(RegionId from, Json clocks);
  // "secret": the copy itself. "rotate-secret": a password is to be changed.
  net::Task<Result<Json>> answer_secret(Json question);
  net::Task<Result<Json>> answer_rotate(Json question);

 private:
  // As it lies on disk.
  struct Sealed {
    SecretClock clock;
    std::string about, values;
    std::map<std::string, std::string> keys;
  };
  struct Credentials {
    std::string role, password;
  };

  Result<const Sealed*> sealed(const std::string& name) const;
  Result<Secret> opened(const std::string& name) const;
  Result<SecretDocument> document(const std::string& name) const;
  net::Task<Result<void>> keep(std::string name, SecretClock clock, Secret secret);
  net::Task<Result<void>> store(std::string name, Sealed sealed);
  net::Task<Result<void>> change(std::string name, SecretEdit edit);
  net::Task<Result<void>> change_about(std::string name, SecretEdit edit);
  using DocumentEdit = std::function<Result<bool>(SecretDocument&)>;  // Whether it has changed.
  net::Task<Result<void>> change_document(std::string name, DocumentEdit edit);
  net::Task<Result<void>> take(std::string name, SecretClock clock, Secret secret);
  net::Task<Result<void>> fetch(RegionId from, std::string name);
  net::Task<Result<void>> rotate_here(std::string name, std::string version_id);
  net::Task<Result<void>> assert_current(std::string name);
  net::Task<Result<void>> set_password(Credentials credentials);
  net::Task<Result<void>> forget(std::string user);
  std::vector<std::string> rotated_with(const std::string& user) const;
  static Result<Credentials> credentials_in(const std::string& text);
  // Whether what was asked for may have been done nevertheless.
  static bool is_uncertain(const Error& error);
  double now() const;

  RegionId region_;
  Store& store_;
  const Vault& vault_;
  KeyRing& key_ring_;
  const Clock& clock_;
  SecretBookOutside& outside_;
  net::AsyncMutex changing_;
  net::AsyncMutex rotating_;
  std::map<std::string, Sealed> secrets_;
  std::map<std::string, SecretClock> refused_;  // Copies this region could not take; told once.
  std::set<std::string> unsettled_;             // Whose password may not be the AWSCURRENT one.
  std::optional<std::uint64_t> settled_epoch_;
};

}  // namespace aurora_global::region
