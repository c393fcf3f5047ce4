// The passwords of a region's secrets: what rotates them, and what sets them again.
#include "base/json.h"
#include "base/rng.h"
#include "model/fields.h"
#include "net/log.h"
#include "pgclient/connection.h"
#include "region/secret_book.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRotateLimit = 20s;
constexpr Duration kPasswordTurnLimit = 30s;

Error refused(std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), "InvalidRequestException");
}

// It was looked at and is not to be had; with the others nobody knows, or something is broken.
bool is_refusal(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::superseded:
    case ErrorKind::conflict:
    case ErrorKind::not_found:
    case ErrorKind::denied:
    case ErrorKind::invalid:
    case ErrorKind::data_loss_refused: return true;
    case ErrorKind::timeout:
    case ErrorKind::cancelled:
    case ErrorKind::unavailable:
    case ErrorKind::corrupt:
    case ErrorKind::exhausted:
    case ErrorKind::internal: return false;
  }
  return false;
}

// PostgreSQL's codes mean nothing to a client of AWS.
Error for_secrets_manager(Error error) {
  error.code = is_refusal(error.kind) ? "InvalidRequestException" : "InternalServiceError";
  return error;
}

Error for_rds(Error error) {
  // Class 22 finds fault with the value, all others with what is in the database.
  const bool of_value = error.code.rfind("22", 0) == 0;
  error.code.clear();  // By its kind, as any other.
  if (!is_refusal(error.kind)) return error;
  error.code = of_value ? "InvalidParameterValue" : "InvalidDBClusterStateFault";
  return error;
}

}  // namespace

Result<SecretBook::Credentials> SecretBook::credentials_in(const std::string& text) {
  const Json value = parse_json(text);
  const auto is_text = [&](const char* member) {
    return value.is_object() && value.contains(member) && value[member].is_string();
  };
  if (!is_text("username") || !is_text("password")) {
    return refused("Only a secret that is a JSON object with username and password rotates");
  }
  Credentials credentials{value["username"].get<std::string>(),
                          value["password"].get<std::string>()};
  // Only a user of the cluster's own: neither the bootstrap superuser nor the replication user.
  if (credentials.role.empty() || credentials.role.rfind("rds", 0) == 0) {
    return refused("The password of '" + credentials.role + "' is not this secret's to change");
  }
  return credentials;
}

net::Task<Result<void>> SecretBook::set_password(Credentials credentials) {
  const auto set = co_await outside_.set_role_verifier(
      credentials.role, pgclient::scram_verifier(credentials.password));
  if (set.has_error()) co_return for_secrets_manager(set.error());
  co_return ok();
}

std::vector<std::string> SecretBook::rotated_with(const std::string& user) const {
  std::vector<std::string> found;
  for (const auto& [name, sealed] : secrets_) {
    auto document = this->document(name);
    if (document.has_error()) {
      log::warn("look for the user of secret {}: {}", name, document.error().message);
    } else if (document->forget_password_of(user)) {
      found.push_back(name);
    }
  }
  return found;
}

// Requires `rotating_`.
net::Task<Result<void>> SecretBook::forget(std::string user) {
  const auto edit = [user](SecretDocument& document) -> Result<bool> {
    return document.forget_password_of(user);
  };
  const std::vector<std::string> names = rotated_with(user);
  for (const std::string& name : names) CO_TRY_VOID(co_await change_document(name, edit));
  if (!names.empty()) co_await outside_.tell_all();
  co_return ok();
}

net::Task<Result<void>> SecretBook::forget_password_of(std::string user) {
  CO_TRY(const auto turn, co_await rotating_.lock(Deadline::in(kPasswordTurnLimit)));
  co_return co_await forget(std::move(user));
}

net::Task<Result<void>> SecretBook::set_for_rds(std::string user, std::string verifier) {
  CO_TRY(const auto turn, co_await rotating_.lock(Deadline::in(kPasswordTurnLimit)));
  const auto set = co_await outside_.set_role_verifier(user, std::move(verifier));
  if (set.has_value()) co_return co_await forget(std::move(user));
  if (is_uncertain(set.error())) {
    for (std::string& name : rotated_with(user)) unsettled_.insert(std::move(name));
  }
  co_return for_rds(set.error());
}

net::Task<Result<void>> SecretBook::rotate(std::string name, std::string version_id) {
  const RegionId decides = outside_.deciding_region();
  if (decides == region_) co_return co_await rotate_here(std::move(name), std::move(version_id));
  CO_TRY(const Sealed* ours, sealed(name));
  Json question = {
      {"name", name}, {"version", version_id}, {"region", region_.name}, {"clock", ours->clock}};
  CO_TRY_VOID(co_await outside_.ask_region(decides, "rotate-secret", std::move(question),
                                           Deadline::in(kRotateLimit)));
  co_return co_await fetch(decides, std::move(name));
}

net::Task<Result<SecretBook::Json>> SecretBook::answer_rotate(Json question) {
  std::string name, version_id;
  RegionId asker;
  Json clock;
  model::Fields fields(question, "order to rotate a secret");
  fields.require({"name", "version", "region", "clock"});
  fields.get("name", name).get("version", version_id).get("region", asker).get("clock", clock);
  CO_TRY_VOID(fields.finish());
  // Who asks may have changed the secret a moment ago.
  Json theirs = {{name, std::move(clock)}};
  co_await learn(std::move(asker), std::move(theirs));
  if (outside_.deciding_region() != region_) {
    co_return make_error(ErrorKind::conflict, "The writer is in another region now; try again",
                         "InvalidRequestException");
  }
  CO_TRY_VOID(co_await rotate_here(name, version_id));
  co_return Json::object();
}

// The new password is stored as AWSPENDING first, set in the database, then made AWSCURRENT. What
// is refused leaves no trace; where it is not known whether the database has the new one, settle()
// sets the AWSCURRENT one again before AWSPENDING goes.
net::Task<Result<void>> SecretBook::rotate_here(std::string name, std::string version_id) {
  CO_TRY(const auto turn, co_await rotating_.lock(Deadline::in(kPasswordTurnLimit)));
  CO_TRY(const SecretDocument before, document(name));
  const Json* current = before.version("", kCurrent);
  if (current != nullptr && current->at("id") == version_id) co_return ok();  // Asked again.
  const std::string present = current == nullptr ? "" : before.text_of(*current);
  CO_TRY(Credentials credentials, credentials_in(present));
  if (!outside_.writing_epoch()) {
    co_return make_error(ErrorKind::conflict, "The DB cluster does not take writes now; try again",
                         "InvalidRequestException");
  }
  Json value = parse_json(present);
  credentials.password = random_hex(16);
  value["password"] = credentials.password;
  const std::string text = value.dump();
  const auto begin = [this, version_id, text](SecretDocument& document) -> Result<bool> {
    TRY_VOID(document.begin_rotation(version_id, text, now()));
    return true;
  };
  CO_TRY_VOID(co_await change_document(name, begin));
  // Until the new one is current, or the old one was set again.
  const bool was_settled = unsettled_.insert(name).second;
  const auto set = co_await set_password(credentials);
  if (set.has_error() && !is_uncertain(set.error())) {
    const auto drop = [version_id](SecretDocument& document) -> Result<bool> {
      document.give_up_rotation(version_id);
      return true;
    };
    CO_TRY_VOID(co_await change_document(name, drop));
    if (was_settled) unsettled_.erase(name);
  }
  if (set.has_error()) co_return set.error();
  unsettled_.erase(name);
  const auto end = [this, version_id, text](SecretDocument& document) -> Result<bool> {
    document.end_rotation(version_id, text, now());
    return true;
  };
  const auto made_current = co_await change_document(name, end);
  if (made_current.has_error()) {
    unsettled_.insert(name);
    co_return made_current.error();
  }
  co_await outside_.tell_all();
  co_return ok();
}

// Sets the password of the AWSCURRENT version again where a rotation has to do with it, and drops
// what the rotation had made.
net::Task<Result<void>> SecretBook::assert_current(std::string name) {
  CO_TRY(const auto turn, co_await rotating_.lock(Deadline::in(kPasswordTurnLimit)));
  CO_TRY(const SecretDocument document, this->document(name));
  if (!document.is_rotated()) co_return ok();
  const Json* current = document.version("", kCurrent);
  const auto credentials = credentials_in(current == nullptr ? "" : document.text_of(*current));
  std::string id;
  if (credentials.has_value()) {
    id = current->at("id").get<std::string>();
    CO_TRY_VOID(co_await set_password(*credentials));
  }
  const auto settle = [this, name, id](SecretDocument& changed) -> Result<bool> {
    if (id.empty() || changed.version(id, kCurrent) != nullptr) return changed.settle_rotation(id);
    unsettled_.insert(name);  // Another version has become the current one meanwhile.
    return false;
  };
  co_return co_await change_document(name, settle);
}

net::Task<Result<void>> SecretBook::change_document(std::string name, DocumentEdit edit) {
  const auto whole = [edit = std::move(edit)](std::optional<Secret> secret) -> EditedSecret {
    TRY(SecretDocument document, SecretDocument::of(*secret));
    TRY(const bool changed, edit(document));
    if (!changed) return std::optional<Secret>();
    return document.secret();
  };
  co_return co_await change(std::move(name), whole);
}

net::Task<void> SecretBook::settle() {
  const auto epoch = outside_.writing_epoch();
  if (!epoch || outside_.deciding_region() != region_) co_return;
  if (settled_epoch_ != epoch) {
    for (const auto& [name, sealed] : secrets_) {
      const auto document = this->document(name);
      if (document.has_error()) continue;
      if (document->is_rotated()) unsettled_.insert(name);
    }
    settled_epoch_ = epoch;
  }
  const std::set<std::string> names = unsettled_;
  for (const std::string& name : names) {
    // First: what is learnt while the password is set is marked anew.
    unsettled_.erase(name);
    const auto settled = co_await assert_current(name);
    if (settled.has_error()) unsettled_.insert(name);
  }
}

}  // namespace aurora_global::region
