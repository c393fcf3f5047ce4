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

void put_on(Json& versions, const std::string& stage, const std::string& id) {
  take_off(versions, stage);
  for (Json& version : versions) {
    if (version.at("id") == id) version["stages"].push_back(stage);
  }
}

bool has_mark(const Json& version, const char* mark) { return version.value(mark, false); }

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
                      {"rotating", is_flag},
                      {"binary", is_flag},
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
                      {"marks", is_flag},
                      {"deletion", is_number},
                      {"deleted", is_number},
                      {"gone", is_flag},
                      {"replicas", is_list_of_texts},
                      {"policy", is_text},
                      {"tags", is_table_of_texts},
                      {"keys", is_table_of_texts}});
}

// What a rotation of an earlier daemon made, which did not mark it: nothing but AWSPENDING is on
// it, and it differs from the AWSCURRENT version in a password of 32 hexadecimal digits alone.
bool looks_rotating(const Json& version, const Json& pending, const Json& current) {
  if (version.at("stages") != Json::array({kPending}) || !pending.is_object() ||
      !current.is_object()) {
    return false;
  }
  const auto password = pending.find("password");
  if (password == pending.end() || !password->is_string() || !current.contains("password")) {
    return false;
  }
  const auto& text = password->get_ref<const std::string&>();
  if (text.size() != 32 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return false;
  }
  Json same = pending;
  same["password"] = current.at("password");
  return same == current;
}

// Once for each secret of an earlier daemon, and only by who reads its values.
void mark_what_is_rotating(SecretDocument& document) {
  Json& versions = document.about["versions"];
  const bool has_values = std::all_of(versions.begin(), versions.end(), [&](const Json& version) {
    return document.values.contains(version.at("id").get<std::string>());
  });
  if (has_mark(document.about, "marks") || !has_values) return;
  document.about["marks"] = true;
  const Json* current = document.version("", kCurrent);
  if (current == nullptr) return;
  const Json present = parse_json(document.text_of(*current));
  for (Json& version : versions) {
    if (looks_rotating(version, parse_json(document.text_of(version)), present)) {
      version["rotating"] = true;
    }
  }
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
  // Versions that went when labels alone were moved, for which nobody opened the values.
  for (auto value = document.values.begin(); value != document.values.end();) {
    const bool known = document.version(value.key(), "") != nullptr;
    value = known ? std::next(value) : document.values.erase(value);
  }
  mark_what_is_rotating(document);
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
  about["marks"] = true;
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
  put_on(versions, stage, to_id);
  if (stage == kCurrent && !former_id.empty() && !to_id.empty()) {
    put_on(versions, kPrevious, former_id);
  }
  trim();
}

void SecretDocument::drop(const std::string& id) {
  Json& versions = about["versions"];
  for (std::size_t i = versions.size(); i-- > 0;) {
    if (versions[i].at("id") == id) versions.erase(i);
  }
  values.erase(id);
}

void SecretDocument::trim(const std::set<std::string>& kept) {
  Json& versions = about["versions"];
  const auto stays = [&](const Json& version) {
    return has_mark(version, "rotating") || kept.contains(version.at("id").get<std::string>());
  };
  std::size_t unlabelled = 0;
  for (const Json& version : versions) {
    if (version.at("stages").empty() && stays(version)) ++unlabelled;
  }
  for (std::size_t i = versions.size(); i-- > 0;) {
    if (!versions[i].at("stages").empty() || stays(versions[i])) continue;
    if (++unlabelled <= kVersionsKept) continue;
    values.erase(versions[i].at("id").get<std::string>());
    versions.erase(i);
  }
}

Json* SecretDocument::find(const std::string& id) {
  for (Json& version : about["versions"]) {
    if (version.at("id") == id) return &version;
  }
  return nullptr;
}

Result<void> SecretDocument::begin_rotation(const std::string& id, const std::string& text,
                                            double now) {
  const Json* present = find(id);
  if (present != nullptr && !has_mark(*present, "rotating")) {
    return make_error(ErrorKind::invalid,
                      "You can't use ClientRequestToken " + id +
                          " because that value is already in use for a version of this secret",
                      "ResourceExistsException");
  }
  // Of AWS, to which the label says that a rotation is under way; what one of ours has left behind
  // has a mark, and is settled.
  const Json* pending = version("", kPending);
  if (pending != nullptr && !has_mark(*pending, "rotating") && !has_stage(*pending, kCurrent)) {
    return make_error(ErrorKind::conflict,
                      "A previous rotation isn't complete. That rotation will be reattempted.",
                      "InvalidRequestException");
  }
  if (present == nullptr) {
    add(id, text, {}, now);
    (*find(id))["rotating"] = true;
  }
  values[id] = text;
  move(kPending, id, now);
  return ok();
}

void SecretDocument::end_rotation(const std::string& id, const std::string& text, double now) {
  // Another region's copy may have taken the place of the one in which it was begun.
  if (find(id) == nullptr) add(id, text, {}, now);
  values[id] = text;
  move(kCurrent, id, now);
  about["rotated"] = now;
  settle_rotation(id);
}

void SecretDocument::give_up_rotation(const std::string& id) {
  const Json* version = find(id);
  if (version != nullptr && has_mark(*version, "rotating")) retire(id);
}

// Without the mark and AWSPENDING; a version that a client has put a label on stays.
void SecretDocument::retire(const std::string& id) {
  Json& versions = about["versions"];
  bool has_label = false;
  for (Json& version : versions) {
    if (version.at("id") != id) continue;
    version.erase("rotating");
    if (has_stage(version, kPending)) take_off(versions, kPending);
    has_label = has_label || !version.at("stages").empty();
  }
  if (!has_label) drop(id);
}

bool SecretDocument::settle_rotation(const std::string& id) {
  const Json before = about;
  std::vector<std::string> rotating;
  for (Json& version : about["versions"]) {
    if (has_mark(version, "rotating")) rotating.push_back(version.at("id").get<std::string>());
    version.erase("set");
  }
  if (Json* version = find(id)) (*version)["set"] = true;
  for (const std::string& one : rotating) retire(one);
  return about != before;
}

bool SecretDocument::forget_password_of(const std::string& user) {
  std::vector<std::string> rotating;
  bool forgot = false;
  for (Json& version : about["versions"]) {
    const bool is_rotating = has_mark(version, "rotating");
    if (!is_rotating && !has_mark(version, "set")) continue;
    const Json value = parse_json(text_of(version));
    if (!value.is_object() || value.value("username", Json()) != user) continue;
    forgot = true;
    version.erase("set");
    if (is_rotating) rotating.push_back(version.at("id").get<std::string>());
  }
  for (const std::string& one : rotating) retire(one);
  return forgot;
}

bool SecretDocument::is_rotated() const {
  const Json* current = version("", kCurrent);
  const Json& versions = about.at("versions");
  return (current != nullptr && has_mark(*current, "set")) ||
         std::any_of(versions.begin(), versions.end(),
                     [](const Json& version) { return has_mark(version, "rotating"); });
}

SecretDocument merged(SecretDocument ours, const SecretDocument& theirs) {
  Json& versions = ours.about["versions"];
  std::set<std::string> labelled;
  for (const Json& version : versions) {
    if (!version.at("stages").empty()) labelled.insert(version.at("id").get<std::string>());
  }
  for (const Json& version : theirs.about.at("versions")) {
    const auto id = version.at("id").get<std::string>();
    const bool foreign = ours.find(id) == nullptr;
    if (foreign) {
      versions.push_back(version);
      versions.back()["stages"] = Json::array();
      if (ours.version("", kCurrent) != nullptr) versions.back().erase("set");  // Elsewhere.
      ours.values[id] = theirs.text_of(version);
    }
    for (const Json& stage : version.at("stages")) {
      labelled.insert(id);
      auto label = stage.get<std::string>();
      const bool is_free = ours.version("", label) == nullptr;
      const bool is_aws = label == kCurrent || label == kPrevious || label == kPending;
      // What both have has lost a label of AWS's in `ours` because it has moved on.
      if (!foreign && is_aws && (label != kCurrent || !is_free)) continue;
      if (label == kCurrent && !is_free) {
        label = kPrevious;
      } else if (!is_free) {
        continue;
      }
      put_on(versions, label, id);
    }
  }
  std::stable_sort(versions.begin(), versions.end(), [](const Json& one, const Json& other) {
    return one.value("created", 0.0) < other.value("created", 0.0);
  });
  // One whose label went to another version is lost no sooner than others without one.
  ours.trim(labelled);
  ours.about["changed"] =
      std::max(ours.about.value("changed", 0.0), theirs.about.value("changed", 0.0));
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
