// The stacks and change sets of a region: in memory, and in the store before anybody sees them.
//
// Whoever changes something holds the lock. The deployment of a stack is changed by its driver
// alone while it is driven, and by requests between two of its steps; save() stores it together
// with what it says of the stack.
#pragma once

#include <deque>
#include <functional>

#include "cloudformation/deployment.h"
#include "net/mutex.h"
#include "region/region.h"
#include "services/cloudformation/records.h"
#include "services/cloudformation/store.h"

namespace aurora_global::services::cloudformation {

inline constexpr std::size_t kStacksMax = 2000;
inline constexpr std::size_t kChangeSetsMax = 100;  // Of one stack.
inline constexpr std::size_t kDeletedStacksKept = 100;

// One change of a stack's deployment, at a driver's step.
struct Outcome {
  std::string step;
  Result<Made> made = Made{};
  std::string left;  // By a failure.
};

struct Stack {
  Stack(boost::asio::any_io_executor executor, StackRecord of)
      : record(std::move(of)), woken_event(std::move(executor)) {}

  StackRecord record;
  std::optional<core::Deployment> deployment;
  std::map<std::string, std::string> claims;    // By step.
  std::vector<core::DeploymentEvent> unstored;  // Of the deployment.
  bool is_dirty = false;                        // The deployment is not stored as it is.
  std::optional<std::map<std::string, core::Output>> concluded;  // To be stored with it.

  // Of its driver.
  bool is_driven = false;
  bool woken = false;
  net::Event woken_event;
  std::deque<Outcome> outcomes;

  void wake() {
    woken = true;
    woken_event.notify();
  }
  core::Inventory inventory() const {
    return deployment ? deployment->inventory() : core::Inventory{};
  }
};

class Book {
 public:
  // `facts` and `store` outlive the book.
  Book(boost::asio::any_io_executor executor, const region::Facts& facts, Store& store)
      : executor_(executor), facts_(facts), store_(store), mutex_(executor) {}

  // What the store had when it was opened. Fails with `corrupt`.
  Result<void> take(const std::map<std::string, std::string>& stacks,
                    const std::map<std::string, std::string>& deployments,
                    const std::map<std::string, std::string>& claims,
                    const std::map<std::string, std::string>& change_sets);

  net::Task<Result<net::AsyncMutex::Guard>> lock();
  // The same, for a request that changes this stack: what its deployment has come to and its driver
  // has not stored yet is stored first, so that the request meets the stack as it is.
  net::Task<Result<net::AsyncMutex::Guard>> lock_for(std::string name_or_id);
  Store& store() { return store_; }
  const region::Facts& facts() const { return facts_; }

  // By name those that are not deleted, by ARN all of them. Null: there is none.
  Stack* find(std::string_view name_or_id) const;
  Stack* find_uuid(const std::string& uuid) const;
  std::vector<Stack*> stacks() const;  // The newest first.
  // "Stack with id X does not exist".
  Result<Stack*> require(const std::string& name_or_id) const;

  // By ARN, or by name and stack.
  const ChangeSetRecord* find_change_set(const std::string& name_or_id,
                                         const std::string& stack) const;
  std::vector<const ChangeSetRecord*> change_sets(const std::string& stack_uuid) const;

  // What is exported: name -> the stack and its value.
  std::map<std::string, std::pair<const Stack*, std::string>> exports() const;
  // Names of the other stacks that import it.
  std::set<std::string> importers(const std::string& export_name, const Stack* besides) const;
  // Why the stack's export cannot be `changed` ("deleted", "updated"); empty: nobody imports it.
  std::string why_in_use(const std::string& export_name, const Stack& of,
                         const char* changed) const;

  // Why the outputs cannot be the stack's: another one exports that name, or needs what is missing
  // now. Empty: they can.
  std::string why_not_exported(const Stack& stack,
                               const std::map<std::string, core::Output>& outputs) const;

  // A record for a new stack, that nobody has yet. Fails with ValidationError for what is no name.
  Result<StackRecord> new_stack(const std::string& name) const;

  // All of these need the lock. They fail with what the store says; then nothing has changed.
  // A new stack, with the operation that makes it or only to be reviewed.
  net::Task<Result<Stack*>> add_stack(StackRecord record,
                                      std::optional<core::Deployment> deployment, Write with);
  net::Task<Result<void>> change_record(Stack& stack, StackRecord next, Write with = {});
  net::Task<Result<void>> put_change_set(ChangeSetRecord record, Write with);
  net::Task<Result<void>> remove_change_set(std::string id);
  // A new operation: the record that it begins with, and its deployment. Of the stack's change sets
  // `executed` stays, which has been executed by it; without one, none can be executed any more.
  net::Task<Result<void>> begin(Stack& stack, StackRecord next, core::Deployment deployment,
                                Write with = {},
                                std::optional<ChangeSetRecord> executed = std::nullopt);
  // The deployment as it is now, and what it says of the stack.
  net::Task<Result<void>> save(Stack& stack);
  // Forgets the oldest of the deleted stacks, where there are too many.
  net::Task<Result<void>> forget_deleted();

 private:
  // The change sets of a stack behind the beginning of an operation, and what `write` is to store
  // of that.
  std::vector<ChangeSetRecord> left_behind(const std::string& stack_uuid,
                                           std::optional<ChangeSetRecord> executed,
                                           Write& write) const;
  void forget_change_sets(const std::string& stack_uuid);
  // What `write` is to store of a deployment, and the record that it comes to.
  void ended(Stack& stack);
  struct Progress {
    const core::Deployment& deployment;
    const std::vector<core::DeploymentEvent>& events;
    const std::optional<std::map<std::string, core::Output>>& concluded;
  };
  static StackRecord progressed(const Progress& progress, StackRecord next, Write& write);
  static void drop_templates(const StackRecord& before, const StackRecord& next, Write& write);
  static void review(StackRecord& next, Write& write);
  static void end_operation(const core::Deployment& deployment, StackRecord& next, Write& write);

  boost::asio::any_io_executor executor_;
  const region::Facts& facts_;
  Store& store_;
  net::AsyncMutex mutex_;
  std::map<std::string, std::unique_ptr<Stack>> stacks_;  // By UUID.
  std::map<std::string, ChangeSetRecord> change_sets_;    // By ARN.
};

}  // namespace aurora_global::services::cloudformation
