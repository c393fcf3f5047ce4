#include "services/cloudformation/providers/named_provider.h"

#include <algorithm>

#include "cloudformation/members.h"
#include "services/cloudformation/providers/service_call.h"
#include "services/cloudformation/waiting.h"

namespace aurora_global::services::cloudformation {

using nlohmann::json;

// As the service spells it.
std::string NamedProvider::id_of(const json& found, const std::string& name) const {
  const std::string told = text_of(found, naming().property);
  return told.empty() ? name : told;
}

Result<bool> NamedProvider::is_ready(const json&) const { return true; }

bool NamedProvider::is_gone(const json&) const { return false; }

bool NamedProvider::is_going(const json& found) const { return is_gone(found); }

NamedProvider::Found NamedProvider::call(std::string service, std::string operation, json input) {
  return call_typed(services_, std::move(service), std::move(operation), std::move(input));
}

net::Task<Result<void>> NamedProvider::create(const ResourceRequest& request, Made& made) {
  const Naming named = naming();
  const bool is_generated = text_of(request.properties, named.property).empty();
  const std::string name = name_or_generated(request, named.property, named.rule);
  auto looking = find(name);
  auto found = co_await std::move(looking);
  const bool is_there = found.has_value() && !is_gone(*found);
  if (found.has_error() && found.error().kind != ErrorKind::not_found) co_return found.error();
  if (!is_generated && request.claimed != name) {
    if (is_there) {
      co_return make_error(ErrorKind::conflict, name + " already exists", "AlreadyExists");
    }
    auto claiming = request.claims->claim(name);
    CO_TRY_VOID(co_await std::move(claiming));
  }
  if (!is_there) {
    auto making = make(request, name);
    const auto outcome = co_await std::move(making);
    if (outcome.has_error()) {
      // Somebody else has made it meanwhile.
      if (outcome.error().code.find("Exists") != std::string::npos) co_return outcome.error();
      // Half of it may be there: then it is what has to be removed. What waits for its end was
      // somebody else's.
      auto again = find(name);
      const auto left = co_await std::move(again);
      if (left.has_value() && !is_gone(*left)) made.physical_id = id_of(*left, name);
      co_return outcome.error();
    }
  }
  if (is_there) {
    made.physical_id = id_of(*found, name);
    auto completing = complete(request, name);
    CO_TRY_VOID(co_await std::move(completing));
  }
  auto waiting = await_ready(request, name, made);
  co_return co_await std::move(waiting);
}

NamedProvider::Done NamedProvider::complete(const ResourceRequest&, std::string) { co_return ok(); }

net::Task<Result<void>> NamedProvider::update(const ResourceRequest& request, Made& made) {
  auto changing = change(request);
  CO_TRY_VOID(co_await std::move(changing));
  auto waiting = await_ready(request, request.physical_id, made);
  const auto waited = co_await std::move(waiting);
  made.physical_id = request.physical_id;  // However it was spelled: another one is a replacement.
  co_return waited;
}

net::Task<Result<void>> NamedProvider::remove(const ResourceRequest& request) {
  auto unmaking = unmake(request);
  const auto unmade = co_await std::move(unmaking);
  if (unmade.has_error() && unmade.error().kind != ErrorKind::not_found) co_return unmade.error();
  auto waiting = await_gone(request);
  co_return co_await std::move(waiting);
}

net::Task<Result<void>> NamedProvider::read(const ResourceRequest& request, Made& made) {
  auto looking = find(request.physical_id);
  CO_TRY(const json found, co_await std::move(looking));
  if (is_going(found)) {
    co_return make_error(ErrorKind::not_found, request.physical_id + " is being deleted");
  }
  made.physical_id = id_of(found, request.physical_id);
  made.attributes = attributes_of(found);
  co_return ok();
}

net::Task<Result<void>> NamedProvider::await_ready(const ResourceRequest& request, std::string id,
                                                   Made& made) {
  const Probe probe = [&] { return looks_ready(id, made); };
  auto waiting = wait_until(request, id, probe, {.limit = patience()});
  co_return co_await std::move(waiting);
}

net::Task<Result<bool>> NamedProvider::looks_ready(std::string id, Made& made) {
  auto looking = find(id);
  CO_TRY(const json found, co_await std::move(looking));
  made.physical_id = id_of(found, id);
  made.attributes = attributes_of(found);
  co_return is_ready(found);
}

net::Task<Result<void>> NamedProvider::await_gone(const ResourceRequest& request) {
  const Probe probe = [&] { return looks_gone(request.physical_id); };
  auto waiting = wait_until(request, request.physical_id, probe, {.limit = patience()});
  co_return co_await std::move(waiting);
}

net::Task<Result<bool>> NamedProvider::looks_gone(std::string id) {
  auto looking = find(std::move(id));
  const auto found = co_await std::move(looking);
  if (found.has_error() && found.error().kind == ErrorKind::not_found) co_return true;
  if (found.has_error()) co_return found.error();
  co_return is_gone(*found);
}

nlohmann::json changed_members(const ResourceRequest& request,
                               std::initializer_list<const char*> names) {
  nlohmann::json members = nlohmann::json::object();
  for (const char* name : names) {
    if (!request.changed.contains(name)) continue;
    members[name] = core::property_or_null(request.properties, name);
  }
  return members;
}

TagChange tag_change(const ResourceRequest& request, const char* key, const char* value) {
  const Tags now = tags_of(request.properties);
  const Tags before = tags_of(request.former_properties);
  TagChange change;
  Tags set;
  for (const auto& one : now) {
    if (std::find(before.begin(), before.end(), one) == before.end()) set.push_back(one);
  }
  for (const auto& one : before) {
    const bool stays = std::any_of(now.begin(), now.end(),
                                   [&](const auto& other) { return other.first == one.first; });
    if (!stays) change.removed.push_back(one.first);
  }
  change.set = list_of(set, key, value);
  return change;
}

}  // namespace aurora_global::services::cloudformation
