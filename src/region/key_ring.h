// The region's keys, as KMS has them: what is sealed under a key opens under that key only, while
// the key may be used, and never again once its deletion is due.
//
// Keys are regional: they are in no other region and never leave this process. Their material lies
// in the store wrapped by the vault's root key, is unwrapped for one use at a time and is in no
// log and no answer. Errors carry KMS's codes. One thread; calls that change something wait for
// the disk and are done one after the other.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/aging_clock.h"
#include "base/clock.h"
#include "base/ids.h"
#include "net/mutex.h"
#include "region/store.h"
#include "region/vault.h"

namespace aurora_global::region {

enum class KeyState { enabled, disabled, pending_deletion };

struct Key {
  std::string id;
  std::string description;
  bool managed = false;  // The platform's own ("aws/..."): nobody else changes it.
  bool enabled = true;
  WallTime created{};
  std::optional<WallTime> deletion;  // The material is destroyed then.
  int rotation_days = 0;             // New material so often; 0: never.
  WallTime rotated{};                // Where that counts from.
  std::map<std::string, std::string> tags;
  std::string policy;                // As it was given; kept and shown. Empty: the default one.
  std::vector<std::string> wrapped;  // The material's versions, newest last.

  KeyState state() const {
    if (deletion) return KeyState::pending_deletion;
    return enabled ? KeyState::enabled : KeyState::disabled;
  }
};

struct KeyAlias {
  std::string key_id;
  WallTime created{};
  WallTime updated{};
};

// Words that are authenticated with a text, not stored: KMS's encryption context.
using SealContext = std::map<std::string, std::string>;

struct SealedText {
  std::string blob;  // Names the key and the version of its material.
  std::string key_id;
};
struct OpenedText {
  std::string text;
  std::string key_id;
};

// A new random text, and the same sealed.
struct DataKey {
  std::string text;
  SealedText sealed;
};

class KeyRing {
 public:
  static constexpr std::size_t kKeysMax = 1000;
  static constexpr std::size_t kAliasesMax = 1000;
  static constexpr std::size_t kTagsMax = 50;
  static constexpr int kRotationDays = 365;
  static constexpr const char* kManagedPrefix = "alias/aws/";

  // `store`, `vault` and `clock` outlive the ring.
  KeyRing(boost::asio::any_io_executor executor, Store& store, const Vault& vault,
          const Clock& clock, RegionId region, std::string account_id);
  // Takes the keys and aliases among the store's documents.
  Result<void> load(const std::vector<Store::Document>& documents);

  std::string key_arn(const std::string& id) const { return arn_prefix_ + "key/" + id; }
  std::string alias_arn(const std::string& name) const { return arn_prefix_ + name; }

  // By key id or key ARN; find() also by alias name ("alias/...") or alias ARN. NotFoundException.
  Result<Key> find_key(const std::string& reference) const;
  Result<Key> find(const std::string& reference) const;
  // Without those whose deletion is due.
  std::vector<Key> keys() const;
  std::map<std::string, KeyAlias> aliases() const;

  // Fails with DisabledException or KMSInvalidStateException for a key that may not be used.
  Result<SealedText> seal(const std::string& reference, const SealContext& context,
                          const std::string& text) const;
  Result<DataKey> data_key(const std::string& reference, const SealContext& context,
                           std::size_t size) const;
  // `expected`: the key it has to be, "" for the one that the blob names. Fails as seal() does,
  // with IncorrectKeyException, and with InvalidCiphertextException for a blob that was changed,
  // has another context or a key that is not there.
  Result<OpenedText> open(const std::string& blob, const SealContext& context,
                          const std::string& expected = "") const;

  net::Task<Result<Key>> create(std::string description, std::map<std::string, std::string> tags,
                                std::string policy = "");
  // The platform's own key of this alias ("alias/aws/..."), made when first asked for.
  net::Task<Result<Key>> managed_key(std::string alias);
  net::Task<Result<Key>> set_enabled(std::string reference);
  net::Task<Result<Key>> set_disabled(std::string reference);
  net::Task<Result<Key>> set_rotation(std::string reference, int days);  // 0: never.
  net::Task<Result<Key>> schedule_deletion(std::string reference, std::chrono::days window);
  // The key is disabled afterwards, as on AWS.
  net::Task<Result<Key>> cancel_deletion(std::string reference);
  net::Task<Result<Key>> describe(std::string reference, std::string description);
  net::Task<Result<Key>> set_policy(std::string reference, std::string policy);
  net::Task<Result<Key>> tag(std::string reference, std::map<std::string, std::string> tags);
  net::Task<Result<Key>> untag(std::string reference, std::vector<std::string> names);

  net::Task<Result<void>> create_alias(std::string name, std::string key_reference);
  net::Task<Result<void>> update_alias(std::string name, std::string key_reference);
  net::Task<Result<void>> delete_alias(std::string name);

  // Destroys what is due, in the store too, and rotates what is due. What fails is tried again by
  // the next sweep.
  net::Task<Result<void>> sweep();

 private:
  using Change = std::function<Result<void>(Key&)>;
  const Key* alive(const std::string& id) const;
  const KeyAlias* alias(const std::string& name) const;
  Result<const Key*> lookup(const std::string& reference, std::string_view kinds) const;
  Result<void> check_usable(const Key& key) const;
  static Result<void> add_tags(Key& key, const std::map<std::string, std::string>& tags);
  Error pending(const Key& key) const;
  std::string new_material(const std::string& id, std::size_t version) const;
  Key new_key() const;
  net::Task<Result<Key>> change_key(std::string reference, Change change);
  net::Task<Result<void>> put_key(Key key);
  net::Task<Result<void>> put_alias(std::string name, KeyAlias alias);
  net::Task<Result<void>> destroy(std::string id);

  Store& store_;
  const Vault& vault_;
  const Clock& clock_;
  AgingClock age_;  // A deletion is due by it.
  std::string arn_prefix_;
  net::AsyncMutex changing_;
  std::map<std::string, Key> keys_;
  std::map<std::string, KeyAlias> aliases_;
};

}  // namespace aurora_global::region
