// What resources have in common that are found by a name at their service: how a step that is
// repeated finds its own, how one waits for them, and how their calls are made.
#pragma once

#include <optional>

#include "base/clock.h"
#include "services/cloudformation/names.h"

namespace aurora_global::services::cloudformation {

class NamedProvider : public Provider {
 public:
  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) final;
  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) final;
  net::Task<Result<void>> remove(const ResourceRequest& request) final;
  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) final;

 protected:
  using json = nlohmann::json;
  using Found = net::Task<Result<json>>;
  using Done = net::Task<Result<void>>;

  explicit NamedProvider(const ProviderContext& context) : services_(context.services) {}

  // The property with the name that a template gives, and what a generated one looks like.
  struct Naming {
    const char* property;
    NameRule rule = {};
  };
  virtual Naming naming() const = 0;
  // What the service tells of the resource; fails with `not_found`.
  virtual Found find(std::string id) = 0;
  virtual Done make(const ResourceRequest& request, std::string name) = 0;
  // What an earlier try of this step has made may be half of it.
  virtual Done complete(const ResourceRequest& request, std::string name);
  // `request.physical_id` is there.
  virtual Done change(const ResourceRequest& request) = 0;
  // Removing what is not there succeeds, whatever this fails with then.
  virtual Done unmake(const ResourceRequest& request) = 0;
  virtual json attributes_of(const json& found) const = 0;
  // By which a stack refers to it; the name as the service spells it.
  virtual std::string id_of(const json& found, const std::string& name) const;
  // Whether it can be used; an error: it never will.
  virtual Result<bool> is_ready(const json& found) const;
  virtual bool is_gone(const json& found) const;
  // Whether it is on its way out: nobody takes it over any more.
  virtual bool is_going(const json& found) const;
  virtual Duration patience() const { return std::chrono::minutes(5); }

  // Values of `input` may be texts of what the service's model asks for.
  Found call(std::string service, std::string operation, json input);

 private:
  Done await_ready(const ResourceRequest& request, std::string id, Made& made);
  net::Task<Result<bool>> looks_ready(std::string id, Made& made);
  Done await_gone(const ResourceRequest& request);
  net::Task<Result<bool>> looks_gone(std::string id);

  ServiceCaller& services_;
};

// Properties that differ between the two, of those named, as members of a call: those that are gone
// are null.
nlohmann::json changed_members(const ResourceRequest& request,
                               std::initializer_list<const char*> names);

// Tags as they are to be, and the keys that go.
struct TagChange {
  nlohmann::json set;                // A list of {Key, Value}; with the service's own two names.
  std::vector<std::string> removed;  // Keys.
};
TagChange tag_change(const ResourceRequest& request, const char* key = "Key",
                     const char* value = "Value");

}  // namespace aurora_global::services::cloudformation
