// Resources that are nothing but a record: they have ids and attributes, are checked for what they
// refer to, and cannot be removed while another record needs them.
#pragma once

#include <functional>

#include "services/cloudformation/provider.h"
#include "services/cloudformation/store.h"

namespace aurora_global::services::cloudformation {

struct Record {
  std::string type;
  std::string physical_id;
  std::string stack_id;
  std::string logical_id;
  nlohmann::json properties = nlohmann::json::object();
  nlohmann::json attributes = nlohmann::json::object();
  std::vector<std::pair<std::string, std::string>> needs;  // Types and ids of others.
};

// Those of this region.
class Records {
 public:
  // `store` outlives this.
  explicit Records(Store& store) : store_(store) {}

  // What the store had: by keys below "record". Fails with `corrupt`.
  Result<void> take(const std::map<std::string, std::string>& documents);

  const Record* find(const std::string& type, const std::string& physical_id) const;
  std::vector<const Record*> of_type(const std::string& type) const;
  std::vector<const Record*> all() const;
  net::Task<Result<void>> put(Record record);
  net::Task<Result<void>> remove(std::string type, std::string physical_id);

 private:
  using Key = std::pair<std::string, std::string>;

  Store& store_;
  std::map<Key, Record> records_;
};

// A property that names another resource; through lists, too ("Roles", "Tags.Value").
struct Reference {
  std::string_view property;
  std::string_view type;
  // What the caller hears, around the id: "The vpc ID '" + id + "' does not exist".
  std::string_view before, after;
  // It may be in another region: then that one is asked.
  bool may_be_elsewhere = false;
};

struct RecordedType {
  TypeTable table;
  std::string (*physical_id)(const ResourceRequest&);
  nlohmann::json (*attributes)(const ResourceRequest&, const std::string& physical_id);
  std::span<const Reference> references = {};
};

// Asks other regions whether a stack of theirs has made a resource.
class Elsewhere {
 public:
  virtual ~Elsewhere() = default;
  virtual net::Task<Result<bool>> has(std::string physical_id) = 0;
};

class RecordedProvider final : public Provider {
 public:
  RecordedProvider(const RecordedType& type, const ProviderContext& context)
      : type_(type), records_(*context.records), elsewhere_(*context.elsewhere) {}

  const TypeTable& table() const override { return type_.table; }
  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override;
  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override;
  net::Task<Result<void>> remove(const ResourceRequest& request) override;
  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override;

 private:
  net::Task<Result<void>> check_references(nlohmann::json properties);
  net::Task<Result<void>> put(const ResourceRequest& request, Made& made);

  const RecordedType& type_;
  Records& records_;
  Elsewhere& elsewhere_;
};

// "vpc-" and 17 hexadecimal digits of the step's token.
std::string id_with_prefix(const ResourceRequest& request, const char* prefix);
std::string arn_in(const ResourceRequest& request, const char* service, const std::string& rest);

}  // namespace aurora_global::services::cloudformation
