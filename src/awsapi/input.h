// From the bytes of a request to the members of an operation's input, by AWS's models. Pure.
//
// Whatever protocol a request came in, its input ends as one JSON object: numbers and booleans as
// such, timestamps as seconds since 1970, blobs as base64. Members that the model does not have are
// left out; the Query protocol refuses them.
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/query.h"
#include "awsapi/service_model.h"
#include "base/result.h"

namespace aurora_global::awsapi {

// What is wrong with a value, in the words of AWS's validation.
struct Flaw {
  enum class Kind { missing, type, length, range, pattern, enumeration, unknown };
  Kind kind = Kind::type;
  std::string path;      // "MetricData.1.MetricName", as the model spells the members.
  std::string sentence;  // "Value 'x' at 'metricName' failed to satisfy constraint: ..."
};

struct Input {
  nlohmann::json object = nlohmann::json::object();
  std::vector<Flaw> flaws;  // At most kFlawsMax.
};
inline constexpr std::size_t kFlawsMax = 10;
// Deeper than any shape of AWS's.
inline constexpr int kInputDepthMax = 64;
// Of the tree that the dots in a form's names make: few fields of a legal form make more than one.
inline constexpr std::size_t kFormNodesMax = 2 * kFormFieldsMax;

// A document of the JSON and CBOR protocols. Fails with SerializationException where a value has
// another type than its member.
Result<Input> read_document(const Shape& shape, const nlohmann::json& document);
// A form of the Query protocol.
Input read_form(const Shape& shape, const Form& form);

// A REST request. A payload, which is no document of members, is the caller's.
struct RestRequest {
  std::string_view method, path;
  const FormPairs* query = nullptr;
  const std::vector<std::pair<std::string, std::string>>* headers = nullptr;
};
// The operation whose method and path template these are; nullptr if there is none.
const OperationModel* route(const ServiceModel& service, const RestRequest& request);
// Whether some of its members travel in a document in the body.
bool has_document(const OperationModel& operation);
// `document`: that of the body. Fails as read_document() does, and for a parameter of the query
// that is given twice and is no list.
Result<Input> read_rest(const OperationModel& operation, const RestRequest& request,
                        const nlohmann::json& document);

// "2 validation errors detected: ...; ..."
std::string sentence_of(const std::vector<Flaw>& flaws);

}  // namespace aurora_global::awsapi
