#include "region/secret_document.h"
#include "base/json.h"

#include <algorithm>

namespace aurora_global::region {
namespace {

using Json = nlohmann::json;

bool has_stage(const Json& version, const std::string& stage) {
  const Json& stages = version.at("stages");
  return std::find(stages.begin(), stages.end(), Json(stage)) != stages.end();
}

void take_off(Json& versions, const std::string& stage) {
  for (Json& version : versions) {
    Json kept = Json::array();
    for (const Json& one : version["stages"]) {
      if (one != stage) kept.push_back(one);
    }
    version["stages"] = std::move(kept);
  }
}

bool is_text(const Json& value) { return value.is_string(); }
bool is_number(const Json& value) { return value.is_number(); }
bool is_flag(const Json& value) { return value.is_boolean(); }
bool are_texts(const Json& value) {
  return value.is_structured() && std::all_of(value.begin(), value.end(), is_text);
}
bool is_list_of_texts(const Json& value) { return value.is_array() && are_texts(value); }
bool is_table_of_texts(const Json& value) { return value.is_object() && are_texts(value); }

// What a member has to be where it is there: everything that reads a document relies on it.
struct Member {
  const char* name;
  bool (*fits)(const Json& value);
  bool required = false;
};
bool fits(const Json& object, std::initializer_list<Member> members) {
  return object.is_object() &&
         std::all_of(members.begin(), members.end(), [&](const Member& member) {
           const auto found = object.find(member.name);
           return found == object.end() ? !member.required : member.fits(*found);
         });
}

bool is_version(const Json& value) {
  return fits(value, {{"id", is_text, true},
                      {"stages", is_list_of_texts, true},
                      {"created", is_number},
                      {"set", is_flag},
                      {"text", is_text}});
}
bool are_versions(const Json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), is_version);
}
bool is_about(const Json& value) {
  return fits(value, {{"versions", are_versions, true},
                      {"arn", is_text},
                      {"description", is_text},
                      {"created", is_number},
                      {"changed", is_number},
                      {"rotated", is_number},
                      {"tags", is_table_of_texts},
                      {"keys", is_table_of_texts}});
}

}  // namespace

Result<SecretDocument> SecretDocument::of(const Secret& secret) {
  SecretDocument document{parse_json(secret.about), parse_json(secret.values), secret.keys};
  if (!is_about(document.about) || !is_table_of_texts(document.values)) {
    return make_error(ErrorKind::corrupt, "a secret is no document of versions");
  }
  // Stored before there were keys: the texts lay beside the rest.
  for (Json& version : document.about["versions"]) {
    if (!version.contains("text")) continue;
    document.values[version.at("id").get<std::string>()] = std::move(version["text"]);
    version.erase("text");
  }
  return document;
}

Secret SecretDocument::secret() const {
  Json told = about;
  told["keys"] = keys;
  return {told.dump(), values.dump(), keys};
}

const Json* SecretDocument::version(const std::string& id, const std::string& stage) const {
  for (const Json& version : about.at("versions")) {
    if (!id.empty() && version.at("id") != id) continue;
    if (stage.empty() || has_stage(version, stage)) return &version;
  }
  return nullptr;
}

std::string SecretDocument::text_of(const Json& version) const {
  return values.value(version.at("id").get<std::string>(), "");
}

void SecretDocument::add(const std::string& id, const std::string& text,
                         const std::vector<std::string>& stages, double now) {
  drop(id);
  about["versions"].push_back({{"id", id}, {"created", now}, {"stages", Json::array()}});
  values[id] = text;
  for (const std::string& stage : stages) move(stage, id, now);
  about["changed"] = now;
  trim();
}

void SecretDocument::move(const std::string& stage, const std::string& to_id, double now) {
  Json& versions = about["versions"];
  const Json* former = version("", stage);
  const std::string former_id = former == nullptr ? "" : former->at("id").get<std::string>();
  about["changed"] = now;
  if (former_id == to_id) return;
  take_off(versions, stage);
  const auto put_on = [&](const std::string& label, const std::string& id) {
    take_off(versions, label);
    for (Json& version : versions) {
      if (version.at("id") == id) version["stages"].push_back(label);
    }
  };
  put_on(stage, to_id);
  if (stage == kCurrent && !former_id.empty() && !to_id.empty()) put_on(kPrevious, former_id);
  trim();
}

void SecretDocument::drop(const std::string& id) {
  Json& versions = about["versions"];
  for (std::size_t i = versions.size(); i-- > 0;) {
    if (versions[i].at("id") == id) versions.erase(i);
  }
  values.erase(id);
}

void SecretDocument::trim() {
  Json& versions = about["versions"];
  std::size_t unlabelled = 0;
  for (std::size_t i = versions.size(); i-- > 0;) {
    if (!versions[i].at("stages").empty() || ++unlabelled <= kVersionsKept) continue;
    values.erase(versions[i].at("id").get<std::string>());
    versions.erase(i);
  }
}

SecretDocument merged(SecretDocument ours, const SecretDocument& theirs) {
  const Json* lost = theirs.version("", kCurrent);
  const double now = std::max(ours.about.value("changed", 0.0), theirs.about.value("changed", 0.0));
  std::vector<Json> foreign;
  for (const Json& version : theirs.about.at("versions")) {
    if (ours.version(version.at("id").get<std::string>(), "") == nullptr) {
      foreign.push_back(version);
    }
  }
  for (const Json& version : foreign) {
    std::vector<std::string> stages;
    for (const Json& stage : version.at("stages")) {
      const auto label = stage.get<std::string>();
      const bool own = label == kCurrent || label == kPrevious || label == kPending;
      if (!own && ours.version("", label) == nullptr) stages.push_back(label);
    }
    const Json* current = ours.version("", kCurrent);
    if (lost != nullptr && lost->at("id") == version.at("id")) {
      stages.emplace_back(current == nullptr ? kCurrent : kPrevious);
    }
    ours.add(version.at("id").get<std::string>(), theirs.text_of(version), stages,
             version.value("created", now));
  }
  std::stable_sort(ours.about["versions"].begin(), ours.about["versions"].end(),
                   [](const Json& one, const Json& other) {
                     return one.value("created", 0.0) < other.value("created", 0.0);
                   });
  ours.about["changed"] = now;
  ours.keys.insert(theirs.keys.begin(), theirs.keys.end());
  return ours;
}

std::optional<SecretClock> secret_clock_in(const Json& told) {
  if (!told.is_object()) return std::nullopt;
  SecretClock clock;
  for (const auto& [region, count] : told.items()) {
    if (!count.is_number_unsigned()) return std::nullopt;
    clock[region] = count.get<std::uint64_t>();
  }
  return clock;
}

SecretOrder order_of(const SecretClock& one, const SecretClock& other) {
  bool ahead = false, behind = false;
  const auto in = [](const SecretClock& clock, const std::string& region) {
    const auto found = clock.find(region);
    return found == clock.end() ? std::uint64_t{0} : found->second;
  };
  for (const auto& [region, count] : one) ahead = ahead || count > in(other, region);
  for (const auto& [region, count] : other) behind = behind || count > in(one, region);
  if (ahead && behind) return SecretOrder::concurrent;
  if (ahead) return SecretOrder::newer;
  return behind ? SecretOrder::older : SecretOrder::same;
}

SecretClock latest_of(SecretClock one, const SecretClock& other) {
  for (const auto& [region, count] : other) one[region] = std::max(one[region], count);
  return one;
}

}  // namespace aurora_global::region
