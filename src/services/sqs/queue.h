// What a queue is told to be: its attributes, by AWS's names and limits. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"

namespace aurora_global::services::sqs {

using Attributes = std::map<std::string, std::string>;

// Where a message goes that was received too often.
struct Redrive {
  std::string queue;  // Its name.
  std::int64_t receives_max = 0;
};

struct Queue {
  std::string name;
  std::int64_t created_ms = 0, changed_ms = 0;
  Attributes attributes;  // Those that were set.
  nlohmann::json tags = nlohmann::json::object();

  // Of an attribute that is a number; its default, if it was not set.
  std::int64_t number(const std::string& attribute) const;
  std::optional<Redrive> redrive() const;
};

// A name that a queue may have. Fails with InvalidParameterValue; queues in order (FIFO) are
// UnsupportedOperation.
Result<void> check_name(const std::string& name);
// Attributes to be set. `arns`: "arn:aws:sqs:us-east-1:123456789012:". Fails with
// InvalidAttributeName and InvalidAttributeValue.
Result<void> check_attributes(const Attributes& attributes, const std::string& arns);
// Whether a queue that is there is what is asked for.
bool is_same(const Queue& queue, const Attributes& wanted);
// The name in a queue's URL.
Result<std::string> name_in_url(const std::string& url, const std::string& account);
// Every attribute that was set or has a default.
nlohmann::json shown_attributes(const Queue& queue, const std::string& arns);

// MD5 as SQS tells it, so that a client finds what was damaged on the way.
std::string md5_hex(std::string_view text);
// Of a message's attributes, whose input has passed the model. Empty without any.
std::string md5_of_attributes(const nlohmann::json& attributes);
// What they take of a message's size: names, types and values.
std::size_t bytes_of_attributes(const nlohmann::json& attributes);
// Fails with InvalidParameterValue for what is no attribute of a message.
Result<void> check_message_attributes(const nlohmann::json& attributes);

}  // namespace aurora_global::services::sqs
