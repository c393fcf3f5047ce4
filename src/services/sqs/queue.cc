#include "services/sqs/queue.h"

#include <algorithm>
#include <charconv>

#include "awsapi/checksums.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/json.h"

namespace aurora_global::services::sqs {
namespace {

using nlohmann::json;

struct NumberRule {
  std::string_view name;
  std::int64_t otherwise, min, max;
};
constexpr NumberRule kNumbers[] = {
    {"VisibilityTimeout", 30, 0, 43'200},
    {"DelaySeconds", 0, 0, 900},
    {"MaximumMessageSize", 1'048'576, 1024, 1'048'576},
    {"MessageRetentionPeriod", 345'600, 60, 1'209'600},
    {"ReceiveMessageWaitTimeSeconds", 0, 0, 20},
};
// Kept and shown.
constexpr std::string_view kTexts[] = {"Policy",
                                       "RedrivePolicy",
                                       "RedriveAllowPolicy",
                                       "KmsMasterKeyId",
                                       "KmsDataKeyReusePeriodSeconds",
                                       "SqsManagedSseEnabled"};
constexpr std::size_t kNameMax = 80;
constexpr std::size_t kAttributesMax = 10;
constexpr std::size_t kPolicyBytesMax = 20'480;

std::optional<std::int64_t> whole(const std::string& text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

const NumberRule* rule_of(const std::string& name) {
  const auto found = std::find_if(std::begin(kNumbers), std::end(kNumbers),
                                  [&](const NumberRule& one) { return one.name == name; });
  return found == std::end(kNumbers) ? nullptr : found;
}

Error bad_value(const std::string& name) {
  return make_error(ErrorKind::invalid, "Invalid value for the parameter " + name + ".",
                    "InvalidAttributeValue");
}

// {"deadLetterTargetArn": ARN, "maxReceiveCount": 5 or "5"}
std::optional<Redrive> redrive_in(const std::string& text) {
  const json policy = parse_json(text);
  if (!policy.is_object()) return std::nullopt;
  const json arn = policy.value("deadLetterTargetArn", json());
  const json count = policy.value("maxReceiveCount", json());
  const auto most = count.is_string()           ? whole(count.get<std::string>())
                    : count.is_number_integer() ? std::optional(count.get<std::int64_t>())
                                                : std::nullopt;
  if (!arn.is_string() || !most || *most < 1 || *most > 1000) return std::nullopt;
  const std::string target = arn.get<std::string>();
  return Redrive{target.substr(target.rfind(':') + 1), *most};
}

void append_length(std::string& out, std::size_t length) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((length >> shift) & 0xFF);
}

void append_text(std::string& out, std::string_view text) {
  append_length(out, text.size());
  out += text;
}

}  // namespace

std::int64_t Queue::number(const std::string& attribute) const {
  const NumberRule* rule = rule_of(attribute);
  const auto set = attributes.find(attribute);
  const std::int64_t otherwise = rule == nullptr ? 0 : rule->otherwise;
  return set == attributes.end() ? otherwise : whole(set->second).value_or(otherwise);
}

std::optional<Redrive> Queue::redrive() const {
  const auto set = attributes.find("RedrivePolicy");
  return set == attributes.end() ? std::nullopt : redrive_in(set->second);
}

Result<void> check_name(const std::string& name) {
  if (name.ends_with(".fifo")) {
    return make_error(ErrorKind::invalid, "FIFO queues are not supported here",
                      "UnsupportedOperation");
  }
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
  if (!name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), fits)) {
    return ok();
  }
  return make_error(ErrorKind::invalid,
                    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
                    "length",
                    "InvalidParameterValue");
}

Result<void> check_attributes(const Attributes& attributes, const std::string& arns) {
  for (const auto& [name, value] : attributes) {
    if (const NumberRule* rule = rule_of(name)) {
      const auto number = whole(value);
      if (!number || *number < rule->min || *number > rule->max) return bad_value(name);
      continue;
    }
    const bool known = std::find(std::begin(kTexts), std::end(kTexts), name) != std::end(kTexts);
    if (!known) {
      return make_error(ErrorKind::invalid, "Unknown Attribute " + name + ".",
                        "InvalidAttributeName");
    }
    if (value.size() > kPolicyBytesMax) return bad_value(name);
    if (name == "RedrivePolicy" && !value.empty()) {
      const bool here = value.find(arns) != std::string::npos;
      if (!here || !redrive_in(value)) return bad_value(name);
    }
  }
  return ok();
}

bool is_same(const Queue& queue, const Attributes& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& one) {
    if (rule_of(one.first) != nullptr) return queue.number(one.first) == whole(one.second);
    const auto set = queue.attributes.find(one.first);
    return set == queue.attributes.end() ? one.second.empty() : set->second == one.second;
  });
}

Result<std::string> name_in_url(const std::string& url, const std::string& account) {
  const auto slash = url.rfind('/');
  const std::string owner = slash == std::string::npos ? "" : url.substr(0, slash);
  const bool ours = owner.ends_with("/" + account);
  // Older clients and scripts name the queue alone.
  if (ours || (slash == std::string::npos && !url.empty())) return url.substr(slash + 1);
  return make_error(ErrorKind::not_found, "The specified queue does not exist.",
                    "QueueDoesNotExist");
}

json shown_attributes(const Queue& queue, const std::string& arns) {
  json all = json::object();
  for (const NumberRule& rule : kNumbers) {
    const std::string name(rule.name);
    all[name] = std::to_string(queue.number(name));
  }
  for (const auto& [name, value] : queue.attributes) {
    if (!value.empty()) all[name] = value;
  }
  if (!all.contains("SqsManagedSseEnabled")) {
    all["SqsManagedSseEnabled"] = all.contains("KmsMasterKeyId") ? "false" : "true";
  }
  all["QueueArn"] = arns + queue.name;
  all["CreatedTimestamp"] = std::to_string(queue.created_ms / 1000);
  all["LastModifiedTimestamp"] = std::to_string(queue.changed_ms / 1000);
  return all;
}

std::string md5_hex(std::string_view text) { return hex_text(awsapi::md5(text)); }

std::string md5_of_attributes(const json& attributes) {
  if (attributes.empty()) return "";
  std::string bytes;
  for (const auto& [name, one] : attributes.items()) {  // In the order of their names.
    append_text(bytes, name);
    append_text(bytes, one.at("DataType").get<std::string>());
    const bool binary = one.contains("BinaryValue");
    bytes += binary ? '\2' : '\1';
    append_text(bytes, binary ? from_base64(one["BinaryValue"].get<std::string>()).value_or("")
                              : one.value("StringValue", ""));
  }
  return md5_hex(bytes);
}

std::size_t bytes_of_attributes(const json& attributes) {
  std::size_t bytes = 0;
  for (const auto& [name, one] : attributes.items()) {
    bytes += name.size() + one.value("DataType", "").size() + one.value("StringValue", "").size();
    bytes += from_base64(one.value("BinaryValue", "")).value_or("").size();
  }
  return bytes;
}

Result<void> check_message_attributes(const json& attributes) {
  const auto bad = [](const std::string& what) {
    return make_error(ErrorKind::invalid, what, "InvalidParameterValue");
  };
  if (attributes.size() > kAttributesMax) return bad("A message has at most 10 attributes");
  for (const auto& [name, one] : attributes.items()) {
    const std::string type = one.value("DataType", "");
    const std::string kind = type.substr(0, type.find('.'));
    const bool binary = kind == "Binary";
    if (!binary && kind != "String" && kind != "Number") {
      return bad("The type of message (user) attribute '" + name +
                 "' is invalid. You must use only "
                 "the following supported type prefixes: Binary, Number, String.");
    }
    if (one.value(binary ? "BinaryValue" : "StringValue", "").empty()) {
      return bad("The message (user) attribute '" + name +
                 "' must contain a non-empty value of "
                 "type '" +
                 kind + "'.");
    }
  }
  return ok();
}

}  // namespace aurora_global::services::sqs
