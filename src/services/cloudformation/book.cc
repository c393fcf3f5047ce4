#include "services/cloudformation/book.h"

#include <algorithm>

#include "base/json.h"
#include "base/rng.h"
#include "cloudformation/errors.h"
#include "model/fields.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using Documents = std::map<std::string, std::string>;

constexpr Duration kLockLimit = std::chrono::seconds(30);

// "kind/UUID/rest" -> the UUID, the rest.
std::pair<std::string, std::string> parts_of(const std::string& key) {
  const std::size_t first = key.find('/');
  const std::size_t second = key.find('/', first + 1);
  if (second == key.npos) return {key.substr(first + 1), ""};
  return {key.substr(first + 1, second - first - 1), key.substr(second + 1)};
}

bool is_letter(char one) { return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z'); }

// As CloudFormation says it of a member.
Result<void> check_name(const std::string& name) {
  constexpr std::size_t kNameMax = 128;
  const bool is_formed = !name.empty() && is_letter(name.front()) &&
                         std::all_of(name.begin(), name.end(), [](char one) {
                           return is_letter(one) || (one >= '0' && one <= '9') || one == '-';
                         });
  if (is_formed && name.size() <= kNameMax) return ok();
  return core::validation_error(
      "1 validation error detected: Value '" + core::shown(name) +
      "' at 'stackName' failed to satisfy constraint: Member must " +
      (is_formed ? "have length less than or equal to " + std::to_string(kNameMax)
                 : "satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"));
}

void add_removal(const ChangeSetRecord& of, Write& write) {
  write.remove.push_back(change_set_key(of));
  write.remove.push_back(changes_key(of));
  // What was executed has given its template to the stack.
  if (of.execution_status != "EXECUTE_COMPLETE") write.remove.push_back(of.source.template_key);
}

}  // namespace

Result<void> Book::take(const Documents& stacks, const Documents& deployments,
                        const Documents& claims, const Documents& change_sets) {
  for (const auto& [key, text] : stacks) {
    TRY(StackRecord record, stack_record_of(text));
    std::string uuid = record.uuid;
    stacks_[std::move(uuid)] = std::make_unique<Stack>(executor_, std::move(record));
  }
  for (const auto& [key, text] : deployments) {
    Stack* stack = find_uuid(parts_of(key).first);
    if (stack == nullptr) continue;
    TRY(core::Deployment deployment, core::Deployment::from_json(parse_json(text)));
    stack->deployment = std::move(deployment);
  }
  for (const auto& [key, name] : claims) {
    const auto [uuid, step] = parts_of(key);
    if (Stack* stack = find_uuid(uuid)) stack->claims[step] = name;
  }
  for (const auto& [key, text] : change_sets) {
    TRY(ChangeSetRecord record, change_set_record_of(text));
    if (find_uuid(record.stack_uuid) == nullptr) continue;
    std::string id = record.id;
    change_sets_[std::move(id)] = std::move(record);
  }
  return ok();
}

net::Task<Result<net::AsyncMutex::Guard>> Book::lock_for(std::string name_or_id) {
  auto locking = lock();
  CO_TRY(auto guard, co_await std::move(locking));
  if (Stack* stack = find(name_or_id); stack != nullptr && stack->is_dirty) {
    auto saving = save(*stack);
    CO_TRY_VOID(co_await std::move(saving));
  }
  co_return std::move(guard);
}

net::Task<Result<net::AsyncMutex::Guard>> Book::lock() {
  auto locking = mutex_.lock(Deadline::in(kLockLimit));
  co_return co_await std::move(locking);
}

Stack* Book::find(std::string_view name_or_id) const {
  const bool is_id = name_or_id.starts_with("arn:");
  for (const auto& [uuid, stack] : stacks_) {
    const StackRecord& record = stack->record;
    if (is_id ? record.id == name_or_id
              : record.name == name_or_id && !core::is_gone(record.status)) {
      return stack.get();
    }
  }
  return nullptr;
}

Stack* Book::find_uuid(const std::string& uuid) const {
  const auto found = stacks_.find(uuid);
  return found == stacks_.end() ? nullptr : found->second.get();
}

std::vector<Stack*> Book::stacks() const {
  std::vector<Stack*> all;
  for (const auto& [uuid, stack] : stacks_) all.push_back(stack.get());
  std::sort(all.begin(), all.end(), [](const Stack* one, const Stack* other) {
    return std::tie(one->record.created, one->record.uuid) >
           std::tie(other->record.created, other->record.uuid);
  });
  return all;
}

Result<Stack*> Book::require(const std::string& name_or_id) const {
  if (Stack* found = find(name_or_id)) return found;
  return core::validation_error("Stack with id " + core::shown(name_or_id) + " does not exist");
}

const ChangeSetRecord* Book::find_change_set(const std::string& name_or_id,
                                             const std::string& stack) const {
  if (name_or_id.starts_with("arn:")) {
    const auto found = change_sets_.find(name_or_id);
    return found == change_sets_.end() ? nullptr : &found->second;
  }
  const Stack* of = find(stack);
  for (const auto& [id, one] : change_sets_) {
    if (of != nullptr && one.name == name_or_id && one.stack_uuid == of->record.uuid) return &one;
  }
  return nullptr;
}

std::vector<const ChangeSetRecord*> Book::change_sets(const std::string& stack_uuid) const {
  std::vector<const ChangeSetRecord*> all;
  for (const auto& [id, one] : change_sets_) {
    if (one.stack_uuid == stack_uuid) all.push_back(&one);
  }
  return all;
}

std::map<std::string, std::pair<const Stack*, std::string>> Book::exports() const {
  std::map<std::string, std::pair<const Stack*, std::string>> all;
  for (const auto& [uuid, stack] : stacks_) {
    if (core::is_gone(stack->record.status)) continue;
    for (const auto& [name, output] : stack->record.outputs) {
      if (!output.export_name.empty()) all[output.export_name] = {stack.get(), output.value};
    }
  }
  return all;
}

std::set<std::string> Book::importers(const std::string& export_name, const Stack* besides) const {
  std::set<std::string> names;
  for (const auto& [uuid, stack] : stacks_) {
    const StackRecord& record = stack->record;
    if (stack.get() == besides || core::is_gone(record.status)) continue;
    for (const auto* source : {&record.current, &record.wanted}) {
      if (*source && (*source)->imports.contains(export_name)) names.insert(record.name);
    }
  }
  return names;
}

std::string Book::why_in_use(const std::string& export_name, const Stack& of,
                             const char* changed) const {
  const auto names = importers(export_name, &of);
  if (names.empty()) return "";
  std::string users;
  for (const std::string& name : names) {
    const bool is_last = name == *names.rbegin();
    users += (users.empty() ? "" : is_last ? " and " : ", ") + name;
  }
  return "Export " + export_name + " cannot be " + changed + " as it is in use by " + users;
}

std::string Book::why_not_exported(const Stack& stack,
                                   const std::map<std::string, core::Output>& outputs) const {
  const auto exports = this->exports();
  std::map<std::string, std::string> wanted;
  for (const auto& [name, output] : outputs) {
    if (output.export_name.empty()) continue;
    const auto found = exports.find(output.export_name);
    if (found != exports.end() && found->second.first != &stack) {
      return "Export with name " + output.export_name + " is already exported by stack " +
             found->second.first->record.name + ". Rolling back...";
    }
    if (!wanted.emplace(output.export_name, output.value).second) {
      return "Output " + name + " has the export name of another one: " + output.export_name;
    }
  }
  for (const auto& [name, output] : stack.record.outputs) {
    if (output.export_name.empty()) continue;
    const auto found = wanted.find(output.export_name);
    if (found != wanted.end() && found->second == output.value) continue;
    std::string why =
        why_in_use(output.export_name, stack, found == wanted.end() ? "deleted" : "updated");
    if (!why.empty()) return why;
  }
  return "";
}

Result<StackRecord> Book::new_stack(const std::string& name) const {
  TRY_VOID(check_name(name));
  StackRecord record{.uuid = random_uuid(), .name = name, .created = SystemClock().wall_now()};
  record.id = "arn:aws:cloudformation:" + facts_.region.name + ":" + facts_.account_id + ":stack/" +
              name + "/" + record.uuid;
  return record;
}

net::Task<Result<Stack*>> Book::add_stack(StackRecord record,
                                          std::optional<core::Deployment> deployment, Write with) {
  if (stacks_.size() >= kStacksMax) {
    co_return make_error(ErrorKind::exhausted,
                         "Limit for stack has been exceeded: " + std::to_string(kStacksMax),
                         "LimitExceededException");
  }
  if (deployment) {
    ++record.operations;
    const auto events = deployment->take_events();
    record = progressed({*deployment, events, std::nullopt}, std::move(record), with);
  } else {
    review(record, with);
  }
  auto writing = store_.write(std::move(with));
  CO_TRY_VOID(co_await std::move(writing));
  auto stack = std::make_unique<Stack>(executor_, std::move(record));
  stack->deployment = std::move(deployment);
  Stack* added = stack.get();
  stacks_[added->record.uuid] = std::move(stack);
  co_return added;
}

net::Task<Result<void>> Book::change_record(Stack& stack, StackRecord next, Write with) {
  with.put[stack_key(next.uuid)] = model::text_of(json_of(next));
  auto writing = store_.write(std::move(with));
  CO_TRY_VOID(co_await std::move(writing));
  stack.record = std::move(next);
  co_return ok();
}

net::Task<Result<void>> Book::put_change_set(ChangeSetRecord record, Write with) {
  with.put[change_set_key(record)] = model::text_of(json_of(record));
  auto writing = store_.write(std::move(with));
  CO_TRY_VOID(co_await std::move(writing));
  std::string id = record.id;
  change_sets_[std::move(id)] = std::move(record);
  co_return ok();
}

net::Task<Result<void>> Book::remove_change_set(std::string id) {
  const auto found = change_sets_.find(id);
  if (found == change_sets_.end()) co_return ok();
  Write write;
  add_removal(found->second, write);
  auto writing = store_.write(std::move(write));
  CO_TRY_VOID(co_await std::move(writing));
  change_sets_.erase(id);
  co_return ok();
}

std::vector<ChangeSetRecord> Book::left_behind(const std::string& stack_uuid,
                                               std::optional<ChangeSetRecord> executed,
                                               Write& write) const {
  std::vector<ChangeSetRecord> left;
  for (const ChangeSetRecord* one : change_sets(stack_uuid)) {
    if (executed) {
      if (one->id != executed->id) add_removal(*one, write);
      continue;
    }
    left.push_back(*one);
    if (one->execution_status != "AVAILABLE") continue;
    left.back().execution_status = "OBSOLETE";
    write.put[change_set_key(*one)] = model::text_of(json_of(left.back()));
  }
  if (!executed) return left;
  executed->execution_status = "EXECUTE_COMPLETE";
  write.put[change_set_key(*executed)] = model::text_of(json_of(*executed));
  left.push_back(std::move(*executed));
  return left;
}

void Book::forget_change_sets(const std::string& stack_uuid) {
  std::erase_if(change_sets_,
                [&stack_uuid](const auto& one) { return one.second.stack_uuid == stack_uuid; });
}

net::Task<Result<void>> Book::begin(Stack& stack, StackRecord next, core::Deployment deployment,
                                    Write with, std::optional<ChangeSetRecord> executed) {
  ++next.operations;
  const auto events = deployment.take_events();
  StackRecord stored = progressed({deployment, events, std::nullopt}, std::move(next), with);
  drop_templates(stack.record, stored, with);
  std::vector<ChangeSetRecord> left;
  if (!core::is_gone(stored.status)) left = left_behind(stored.uuid, std::move(executed), with);
  auto writing = store_.write(std::move(with));
  CO_TRY_VOID(co_await std::move(writing));
  forget_change_sets(stored.uuid);
  for (ChangeSetRecord& one : left) {
    std::string id = one.id;
    change_sets_[std::move(id)] = std::move(one);
  }
  stack.deployment = std::move(deployment);
  stack.record = std::move(stored);
  stack.concluded.reset();
  stack.unstored.clear();
  stack.is_dirty = false;
  ended(stack);
  co_return ok();
}

net::Task<Result<void>> Book::save(Stack& stack) {
  for (auto& event : stack.deployment->take_events()) stack.unstored.push_back(std::move(event));
  const std::size_t events = stack.unstored.size();
  stack.is_dirty = false;
  Write write;
  StackRecord next =
      progressed({*stack.deployment, stack.unstored, stack.concluded}, stack.record, write);
  drop_templates(stack.record, next, write);
  auto writing = store_.write(std::move(write));
  const Result<void> written = co_await std::move(writing);
  if (written.has_error()) {
    stack.is_dirty = true;
    co_return written.error();
  }
  stack.unstored.erase(stack.unstored.begin(),
                       stack.unstored.begin() + static_cast<std::ptrdiff_t>(events));
  stack.record = std::move(next);
  ended(stack);
  co_return ok();
}

// Lets go of what only an operation needs, where there is none any more.
void Book::ended(Stack& stack) {
  if (!core::is_end(stack.record.status)) return;
  stack.concluded.reset();
  stack.claims.clear();
  if (!core::is_gone(stack.record.status)) return;
  forget_change_sets(stack.record.uuid);
}

net::Task<Result<void>> Book::forget_deleted() {
  std::vector<Stack*> deleted = stacks();
  std::erase_if(deleted, [](const Stack* one) {
    return !core::is_gone(one->record.status) || one->is_driven;
  });
  if (deleted.size() <= kDeletedStacksKept) co_return ok();
  deleted.erase(deleted.begin(), deleted.begin() + kDeletedStacksKept);
  Write write;
  std::vector<std::string> uuids;
  for (const Stack* one : deleted) {
    uuids.push_back(one->record.uuid);
    write.remove.push_back(stack_key(one->record.uuid));
    write.remove.push_back("template/" + one->record.uuid + "/");
    write.forget_events.push_back(one->record.id);
  }
  auto writing = store_.write(std::move(write));
  CO_TRY_VOID(co_await std::move(writing));
  for (const std::string& uuid : uuids) stacks_.erase(uuid);
  co_return ok();
}

}  // namespace aurora_global::services::cloudformation
