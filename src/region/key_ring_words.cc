// What is told of a key: its description, its policy, its tags.
#include "region/key_ring.h"

namespace aurora_global::region {

Result<void> KeyRing::add_tags(Key& key, const std::map<std::string, std::string>& tags) {
  for (const auto& [name, value] : tags) key.tags[name] = value;
  if (key.tags.size() <= kTagsMax) return ok();
  return make_error(ErrorKind::invalid, "A key has at most 50 tags", "LimitExceededException");
}

net::Task<Result<Key>> KeyRing::describe(std::string reference, std::string description) {
  Change change = [this, &description](Key& key) -> Result<void> {
    if (key.deletion) return pending(key);
    key.description = description;
    return ok();
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

net::Task<Result<Key>> KeyRing::set_policy(std::string reference, std::string policy) {
  Change change = [this, &policy](Key& key) -> Result<void> {
    if (key.deletion) return pending(key);
    key.policy = policy;
    return ok();
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

net::Task<Result<Key>> KeyRing::tag(std::string reference,
                                    std::map<std::string, std::string> tags) {
  Change change = [this, &tags](Key& key) -> Result<void> {
    if (key.deletion) return pending(key);
    return add_tags(key, tags);
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

net::Task<Result<Key>> KeyRing::untag(std::string reference, std::vector<std::string> names) {
  Change change = [this, &names](Key& key) -> Result<void> {
    if (key.deletion) return pending(key);
    for (const std::string& name : names) key.tags.erase(name);
    return ok();
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

}  // namespace aurora_global::region
