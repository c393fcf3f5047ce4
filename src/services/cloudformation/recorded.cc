#include "services/cloudformation/recorded.h"

#include <algorithm>

#include "base/json.h"
#include "base/rng.h"
#include "cloudformation/errors.h"
#include "cloudformation/members.h"
#include "model/fields.h"
#include "services/cloudformation/names.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

// A list of a template may name one resource as often as its size lets it.
constexpr std::size_t kNeedsMax = 1'000'000;

std::string key_of(const std::string& type, const std::string& physical_id) {
  return "record/" + type + "/" + physical_id;
}

json json_of(const Record& of) {
  return {{"type", of.type},
          {"physical_id", of.physical_id},
          {"stack_id", of.stack_id},
          {"logical_id", of.logical_id},
          {"properties", of.properties},
          {"attributes", of.attributes},
          {"needs", of.needs}};
}

// The texts that `path` leads to, through lists as well.
void add_texts(const json& value, std::string_view path, std::vector<std::string>& texts) {
  if (value.is_array()) {
    for (const json& one : value) add_texts(one, path, texts);
    return;
  }
  if (path.empty()) {
    if (const auto text = core::as_text(value)) texts.push_back(*text);
    return;
  }
  const std::size_t dot = path.find('.');
  const json& inner = core::property_or_null(value, std::string(path.substr(0, dot)));
  add_texts(inner, dot == path.npos ? "" : path.substr(dot + 1), texts);
}

}  // namespace

// Found by Fields.
static void read(model::Fields& fields, Record& out) {
  fields.require({"type", "physical_id"})
      .get("type", out.type)
      .get("physical_id", out.physical_id)
      .get("stack_id", out.stack_id)
      .get("logical_id", out.logical_id)
      .get("properties", out.properties)
      .get("attributes", out.attributes)
      .get("needs", out.needs, kNeedsMax);
}

Result<void> Records::take(const std::map<std::string, std::string>& documents) {
  for (const auto& [key, text] : documents) {
    TRY(Record record, model::decode_text<Record>(text, "record"));
    const Key name{record.type, record.physical_id};
    records_[name] = std::move(record);
  }
  return ok();
}

const Record* Records::find(const std::string& type, const std::string& physical_id) const {
  const auto found = records_.find({type, physical_id});
  return found == records_.end() ? nullptr : &found->second;
}

std::vector<const Record*> Records::of_type(const std::string& type) const {
  std::vector<const Record*> found;
  for (const auto& [key, record] : records_) {
    if (key.first == type) found.push_back(&record);
  }
  return found;
}

std::vector<const Record*> Records::all() const {
  std::vector<const Record*> found;
  for (const auto& [key, record] : records_) found.push_back(&record);
  return found;
}

net::Task<Result<void>> Records::put(Record record) {
  Write write;
  write.put[key_of(record.type, record.physical_id)] = model::text_of(json_of(record));
  auto writing = store_.write(std::move(write));
  CO_TRY_VOID(co_await std::move(writing));
  const Key key{record.type, record.physical_id};
  records_[key] = std::move(record);
  co_return ok();
}

net::Task<Result<void>> Records::remove(std::string type, std::string physical_id) {
  Write write;
  write.remove = {key_of(type, physical_id)};
  auto writing = store_.write(std::move(write));
  CO_TRY_VOID(co_await std::move(writing));
  records_.erase({type, physical_id});
  co_return ok();
}

net::Task<Result<void>> RecordedProvider::check_references(json properties) {
  for (const Reference& reference : type_.references) {
    std::vector<std::string> ids;
    add_texts(properties, reference.property, ids);
    for (const std::string& id : ids) {
      if (records_.find(std::string(reference.type), id) != nullptr) continue;
      bool is_there = false;
      if (reference.may_be_elsewhere) {
        auto asking = elsewhere_.has(id);
        CO_TRY(is_there, co_await std::move(asking));
      }
      if (is_there) continue;
      co_return make_error(ErrorKind::not_found, std::string(reference.before) + core::shown(id) +
                                                     std::string(reference.after));
    }
  }
  co_return ok();
}

net::Task<Result<void>> RecordedProvider::put(const ResourceRequest& request, Made& made) {
  auto checking = check_references(request.properties);
  CO_TRY_VOID(co_await std::move(checking));
  made.attributes = type_.attributes(request, made.physical_id);
  // Those that come of the step itself are of the step that made it.
  if (const Record* before = records_.find(request.type, made.physical_id)) {
    for (const Attribute& one : type_.table.attributes) {
      const auto was = before->attributes.find(std::string(one.name));
      if (one.stable && was != before->attributes.end()) made.attributes[was.key()] = *was;
    }
  }
  Record record{.type = request.type,
                .physical_id = made.physical_id,
                .stack_id = request.stack_id,
                .logical_id = request.logical_id,
                .properties = request.properties,
                .attributes = made.attributes};
  for (const Reference& reference : type_.references) {
    std::vector<std::string> ids;
    add_texts(request.properties, reference.property, ids);
    for (std::string& id : ids) record.needs.emplace_back(reference.type, std::move(id));
  }
  auto putting = records_.put(std::move(record));
  co_return co_await std::move(putting);
}

net::Task<Result<void>> RecordedProvider::create(const ResourceRequest& request, Made& made) {
  std::string id = type_.physical_id(request);
  if (id.size() > core::kPhysicalIdBytesMax) {
    co_return make_error(ErrorKind::invalid, "the name " + core::shown(id) + " is too long");
  }
  const Record* there = records_.find(request.type, id);
  const bool is_own = there != nullptr && there->stack_id == request.stack_id &&
                      there->logical_id == request.logical_id;
  if (there != nullptr && (!is_own || request.claimed != id)) {
    co_return make_error(ErrorKind::conflict, core::shown(id) + " already exists");
  }
  if (request.claims != nullptr && there == nullptr) {
    auto claiming = request.claims->claim(id);
    CO_TRY_VOID(co_await std::move(claiming));
  }
  Made next{.physical_id = std::move(id)};
  auto putting = put(request, next);
  CO_TRY_VOID(co_await std::move(putting));
  made = std::move(next);
  co_return ok();
}

net::Task<Result<void>> RecordedProvider::update(const ResourceRequest& request, Made& made) {
  auto putting = put(request, made);
  co_return co_await std::move(putting);
}

net::Task<Result<void>> RecordedProvider::remove(const ResourceRequest& request) {
  if (records_.find(request.type, request.physical_id) == nullptr) co_return ok();
  const std::pair<std::string, std::string> itself{request.type, request.physical_id};
  for (const Record* other : records_.all()) {
    const auto& needs = other->needs;
    if (std::find(needs.begin(), needs.end(), itself) == needs.end()) continue;
    co_return make_error(ErrorKind::conflict, request.physical_id +
                                                  " has dependencies and cannot be deleted: " +
                                                  other->type + " " + other->physical_id);
  }
  auto removing = records_.remove(request.type, request.physical_id);
  co_return co_await std::move(removing);
}

net::Task<Result<void>> RecordedProvider::read(const ResourceRequest& request, Made& made) {
  const Record* record = records_.find(request.type, request.physical_id);
  if (record == nullptr) {
    co_return make_error(ErrorKind::not_found, request.physical_id + " does not exist");
  }
  made.physical_id = record->physical_id;
  made.attributes = record->attributes;
  co_return ok();
}

std::string id_with_prefix(const ResourceRequest& request, const char* prefix) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id = prefix;
  // Of two digits in base 36 one hexadecimal digit: enough of the token for ids that differ.
  for (const char one : digits_of(request.token, 17)) {
    id += kDigits[static_cast<unsigned char>(one) % 16];
  }
  return id;
}

std::string arn_in(const ResourceRequest& request, const char* service, const std::string& rest) {
  return std::string("arn:aws:") + service + ":" + request.region + ":" + request.account_id + ":" +
         rest;
}

}  // namespace aurora_global::services::cloudformation
